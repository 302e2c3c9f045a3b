"""
The format of a recorded machine.
"""

import os
import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.errors import RecordingError
from llmprobe.facts.answer import Answer, Platform
from llmprobe.source.recording import Recording, decode, encode, files
from llmprobe.source.recording.files import read_recording
from llmprobe.words.message import message

LINUX = Platform(system="linux", machine="x86_64", release="6.8.0", python="3.12.1")
ANSWERS = {
    ("read", "/proc/meminfo"): Answer(value="MemTotal: 1 kB\nMemFree: 1 kB\n"),
    ("read", "/sys/one"): Answer(value="one line\n"),
    ("read", "/sys/none"): Answer(status="missing", code=2, detail="No such file or directory"),
    ("list", "/sys/class/drm"): Answer(value=["card0"]),
    ("link", "/sys/class/drm/card0/device"): Answer(value="../../../0000:01:00.0"),
    ("run", "vm_stat"): Answer(value={"exit": 0, "stdout": "a\nb\n", "stderr": ""}),
    ("run", "sh", "-c", "two words", ""): Answer(value={"exit": 1, "stdout": "", "stderr": "no\n"}),
    ("nvml", "nvmlInit", ""): Answer(),
    ("nvml", "nvmlDeviceGetMemoryInfo_v2", "0"): Answer(value={"total": 8, "free": 7}),
    ("nvml", "nvmlDeviceGetMaxClockInfo", "0", "2"): Answer(value=1000),
    ("nvml", "nvmlDeviceGetName", "1"): Answer(status="failed", code=15, detail="NVML_ERROR_GPU_IS_LOST"),
    ("nvml", "nvmlDeviceGetName", "0/3"): Answer(value="NVIDIA H100 MIG 1g.10gb"),
    ("psutil", "cpu_count"): Answer(value=8),
    ("cpuinfo",): Answer(value={"brand_raw": "A processor"}),
    ("metal",): Answer(value={"name": "Apple M1", "recommendedMaxWorkingSetSize": 11453251584}),
    ("sysctl", "hw.memsize"): Answer(value=17179869184),
    ("env", "CUDA_VISIBLE_DEVICES"): Answer(value=""),
    ("get", "http://127.0.0.1:11434/api/version"): Answer(value={"status": "ok", "version": "0.6"}),
    ("registry", r"HKLM\SOFTWARE\X", "Name"): Answer(value="00ff"),
}
RECORDING = Recording(platform=LINUX, covers=("/sys/class/drm", "nvml"), answers=ANSWERS)


def test_what_is_written_is_read_again() -> None:
    """Every kind of question and answer comes back as it was, a body with a ``status`` of its own among them."""
    assert decode(encode(RECORDING).encode()) == RECORDING


def test_the_order_of_questions_does_not_matter() -> None:
    """Two recordings of the same answers are the same file."""
    turned = msgspec.structs.replace(RECORDING, answers=dict(reversed(ANSWERS.items())))

    assert encode(turned) == encode(RECORDING)


def test_a_file_of_lines_is_a_list_of_lines() -> None:
    """A difference in one line of a file is a difference in one line of the recording."""
    lines = encode(RECORDING).splitlines()

    assert '      "MemFree: 1 kB",' in lines
    assert '    "/sys/one": "one line\\n"' in lines


@given(
    st.dictionaries(st.tuples(st.just("read"), st.text()), st.builds(Answer, value=st.text())),
    st.dictionaries(
        st.tuples(st.just("run"), st.text(min_size=1), st.text()),
        st.builds(
            Answer, status=st.sampled_from(["missing", "denied", "failed", "timeout"]), detail=st.text()
        ),
    ),
)
def test_any_text_survives(
    files: dict[tuple[str, ...], Answer], commands: dict[tuple[str, ...], Answer]
) -> None:
    """Paths, words and texts of any characters come back as they were."""
    recording = Recording(platform=LINUX, answers={**files, **commands})

    assert decode(encode(recording).encode()) == recording


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is empty"),
        ("   \n", "is empty"),
        ('{"schema": "llmprobe.recording/1", "platform"', "is cut short"),
        ("MemTotal: 1", "is not JSON"),
        ("\x00\x01", "is not JSON"),
        ("[]", "JSON of another kind"),
        ("{}", "JSON of another kind"),
        ('"llmprobe.recording/1"', "JSON of another kind"),
        ('{"schema": "llmprobe.snapshot/1"}', "a document of llmprobe.snapshot/1, not a recording"),
        ('{"schema": "llmprobe.recording/2"}', "is written in llmprobe.recording/2"),
        ('{"schema": 1}', "JSON of another kind"),
        ('{"schema": "llmprobe.recording/1"}', "is not valid llmprobe.recording/1"),
        ("[" * 100_000, "nested too deeply"),
        (
            '{"schema": "llmprobe.recording/1", "files": ' + '{"a":' * 100_000 + "1" + "}" * 100_001,
            "nested too deeply",
        ),
    ],
)
def test_what_is_no_recording_is_said_in_one_sentence(content: str, said: str) -> None:
    """Whatever is given for a recording, the error says what it is, and what to do."""
    with pytest.raises(RecordingError) as caught:
        decode(content.encode(), "box.json")

    assert said in str(caught.value)
    assert str(caught.value).startswith("box.json ")
    assert "\n" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    "part",
    [
        {"platform": {"system": "linux"}},
        {"covers": "nvml"},
        {"files": []},
        {"files": {"/a": 1}},
        {"files": {"/a": ["text", 1]}},
        {"files": {"/a": {"status": "perhaps"}}},
        {"lists": {"/a": "b"}},
        {"links": {"/a": ["b"]}},
        {"commands": {"a": {"exit": "0", "stdout": "", "stderr": ""}}},
        {"commands": {"a": "output"}},
        {"commands": {"[1]": {"status": "missing"}}},
        {"commands": {"[": {"status": "missing"}}},
        {"nvml": {"nvmlInit": None}},
        {"cpuinfo": "a processor"},
        {"env": {"A": 1}},
        {"registry": {"key": "value"}},
        {"wishes": {}},
    ],
)
def test_values_of_the_wrong_kind_are_refused(part: dict[str, object]) -> None:
    """A recording that was edited wrongly is not half believed."""
    document = {"schema": "llmprobe.recording/1", "platform": msgspec.to_builtins(LINUX), **part}
    with pytest.raises(RecordingError, match="is not valid"):
        decode(msgspec.json.encode(document))


@given(st.binary(max_size=200))
def test_any_bytes_give_a_recording_or_its_error(content: bytes) -> None:
    """No file makes the reader fail in a way that nobody planned."""
    try:
        decode(content)
    except RecordingError as error:
        assert str(error)  # noqa: PT017 - that no other error comes is the claim


@given(st.data())
def test_a_cut_recording_gives_its_error(data: st.DataObject) -> None:
    """A recording that ends anywhere is refused, and never half read."""
    content = encode(RECORDING).rstrip().encode()
    length = data.draw(st.integers(0, len(content) - 1))
    with pytest.raises(RecordingError):
        decode(content[:length])


def test_a_missing_recording_is_said(tmp_path: Path) -> None:
    """A wrong path is one clear sentence."""
    with pytest.raises(RecordingError, match="does not exist"):
        read_recording(str(tmp_path / "none.json"))


def test_a_directory_is_no_recording(tmp_path: Path) -> None:
    """A directory is one clear sentence."""
    with pytest.raises(RecordingError, match="is a folder without a recording"):
        read_recording(str(tmp_path))


def test_the_folder_of_a_machine_is_its_recording(tmp_path: Path) -> None:
    """A folder with a recording.json, as fixtures/machines has them, is read as that file."""
    (tmp_path / "recording.json").write_text(encode(RECORDING))
    assert read_recording(str(tmp_path)) == read_recording(str(tmp_path / "recording.json"))


def test_no_name_is_no_recording() -> None:
    """An empty path is not called a folder, though the system takes it for the current one."""
    with pytest.raises(RecordingError, match="'' is not a file name"):
        read_recording("")


def test_a_huge_file_is_no_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A model given for a recording by mistake is not read into memory."""
    monkeypatch.setattr(files, "LARGEST_BYTES", 1024**2)
    path = tmp_path / "model.gguf"
    path.write_bytes(bytes(1024**2 + 1))
    with pytest.raises(RecordingError, match="larger than 1 MiB"):
        read_recording(str(path))


def test_a_pipe_that_nothing_writes_to_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Reading it ends with a sentence instead of waiting for ever.
    """
    monkeypatch.setattr(files, "_PIPE_PATIENCE_S", 0.01)
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(RecordingError, match="is a pipe, and nothing came through it"):
        read_recording(str(tmp_path / "pipe"))


def test_a_recording_comes_through_a_pipe() -> None:
    """
    As a shell gives it for ``--replay <(command)``.
    """
    reading, writing = os.pipe()
    recording = Recording(platform=LINUX, answers=ANSWERS)
    os.write(writing, encode(recording).encode())
    os.close(writing)

    assert read_recording(f"/dev/fd/{reading}") == recording
    os.close(reading)


@pytest.mark.parametrize(
    ("part", "question"),
    [
        ({"cpuinfo": {"brand_raw": {"status": "denied"}}}, ("cpuinfo",)),
        ({"cpuinfo": {"flags": True}}, ("cpuinfo",)),
        ({"cpuinfo": {"flags": ["avx2", 1]}}, ("cpuinfo",)),
        ({"metal": {"name": 1}}, ("metal",)),
        ({"metal": {"maxBufferLength": "8"}}, ("metal",)),
        ({"psutil": {"virtual_memory": {"total": "8"}}}, ("psutil", "virtual_memory")),
        ({"psutil": {"virtual_memory": 8}}, ("psutil", "virtual_memory")),
        ({"psutil": {"swap_memory": []}}, ("psutil", "swap_memory")),
        ({"psutil": {"disk_usage /home": {"free": 0.5}}}, ("psutil", "disk_usage /home")),
        ({"psutil": {"cpu_count": {"a": 1}}}, ("psutil", "cpu_count")),
        ({"psutil": {"cpu_affinity": [0, None]}}, ("psutil", "cpu_affinity")),
        ({"nvml": {"nvmlDeviceGetCount_v2": {"": 2**40}}}, ("nvml", "nvmlDeviceGetCount_v2", "")),
        ({"nvml": {"nvmlDeviceGetCount": {"": 257}}}, ("nvml", "nvmlDeviceGetCount", "")),
        ({"nvml": {"nvmlDeviceGetCount": {"": -1}}}, ("nvml", "nvmlDeviceGetCount", "")),
        (
            {"nvml": {"nvmlDeviceGetMaxMigDeviceCount": {"0": []}}},
            ("nvml", "nvmlDeviceGetMaxMigDeviceCount", "0"),
        ),
    ],
)
def test_what_a_library_can_not_have_said_has_failed(
    part: dict[str, object], question: tuple[str, ...]
) -> None:
    """One wrong answer costs itself and not the recording, and no probe has to expect it."""
    document = {"schema": "llmprobe.recording/1", "platform": msgspec.to_builtins(LINUX), **part}
    answer = decode(msgspec.json.encode(document)).answers[question]

    assert answer.status == "failed"
    assert answer.detail is not None
    assert answer.detail.startswith("the recording is wrong here: Expected ")


@pytest.mark.parametrize(
    "said",
    [
        {"cpuinfo": {"brand_raw": "A", "flags": ["avx2"], "count": 4, "hz_actual": [1, 0]}},
        {"cpuinfo": {}},
        {"psutil": {"virtual_memory": {"total": 8, "available": 4, "percent": 50.5}}},
        {"psutil": {"boot_time": 1.5}},
        {"nvml": {"nvmlDeviceGetCount_v2": {"": 256}}},
        {"metal": {"status": "missing"}},
    ],
)
def test_what_a_library_says_is_taken(said: dict[str, object]) -> None:
    """Fields that nobody reads may be anything, and others may be left out."""
    document = {"schema": "llmprobe.recording/1", "platform": msgspec.to_builtins(LINUX), **said}
    (answer,) = decode(msgspec.json.encode(document)).answers.values()

    assert answer.status in ("ok", "missing")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_a_recording_that_powershell_wrote_is_read(encoding: str) -> None:
    """Its ``>`` writes UTF-16 with a mark; other tools put a mark in front of UTF-8."""
    mark = {"utf-16-le": "\ufeff", "utf-16-be": "\ufeff"}.get(encoding, "")

    assert decode((mark + encode(RECORDING)).encode(encoding)) == RECORDING


def test_a_cut_recording_in_utf_16_gives_its_error() -> None:
    """Half a letter at its end is no crash."""
    with pytest.raises(RecordingError, match=r"is cut short|is not JSON"):
        decode(encode(RECORDING).encode("utf-16")[:-31])


def test_a_device_is_no_recording() -> None:
    """One clear sentence at once, however much could be read from it."""
    started = time.monotonic()
    with pytest.raises(RecordingError, match="/dev/zero is a device, not a file"):
        read_recording("/dev/zero")

    assert time.monotonic() - started < 30


def test_a_pipe_without_a_writer_is_told_at_once(tmp_path: Path) -> None:
    """Nobody waits for what nobody writes."""
    os.mkfifo(tmp_path / "pipe")
    started = time.monotonic()
    with pytest.raises(RecordingError, match="is a pipe, and nothing came through it"):
        read_recording(str(tmp_path / "pipe"))

    assert time.monotonic() - started < 30


def test_a_pipe_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that stops in the middle and stays does not keep the reader."""
    monkeypatch.setattr(files, "_PIPE_PATIENCE_S", 0.05)
    reading, writing = os.pipe()
    os.write(writing, b'{"schema": ')
    with pytest.raises(RecordingError, match="stopped before the end of a recording"):
        read_recording(f"/dev/fd/{reading}")
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize("through_a_pipe", [False, True])
@pytest.mark.parametrize("more", [0, 1])
def test_the_largest_recording_is_read(
    more: int, through_a_pipe: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As large as is read is not too large, from a file as through a pipe."""
    content = encode(RECORDING).encode()
    monkeypatch.setattr(files, "LARGEST_BYTES", len(content) - more)
    path = tmp_path / "box.json"
    path.write_bytes(content)
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    name = f"/dev/fd/{reading}" if through_a_pipe else str(path)
    if more:
        with pytest.raises(RecordingError) as caught:
            read_recording(name)
        assert caught.value.message.id == "recording.too-large"
    else:
        assert read_recording(name) == RECORDING
    os.close(reading)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (PermissionError(13, "Permission denied"), "permission denied"),
        (OSError("Odd"), "odd"),
        (ValueError(), "valueerror"),
    ],
    ids=repr,
)
def test_a_file_that_cannot_be_read_has_a_reason(
    error: Exception, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's words, the error's own, or its kind."""

    def fail(_path: str) -> bytes:
        raise error

    monkeypatch.setattr(files, "_content", fail)
    with pytest.raises(RecordingError) as caught:
        read_recording("box.json")

    assert caught.value.message == message("error.file-unreadable", path="box.json", reason=reason)
    assert caught.value.hint == message("hint.permissions")


@pytest.mark.parametrize(
    ("entry", "question", "covered"),
    [
        ("/proc", ("read", "/proc"), True),
        ("/proc", ("list", "/proc/1"), True),
        ("/proc/", ("link", "/proc/1"), True),
        ("/proc", ("read", "/process"), False),
        ("/proc/1", ("read", "/proc"), False),
        ("/", ("read", "/proc"), True),
        ("/proc", ("env", "/proc/1"), False),
        ("nvml", ("nvml", "nvmlInit", ""), True),
        ("nvml:nvmlInit", ("nvml", "nvmlInit", ""), True),
        ("nvml:nvmlInit", ("nvml", "nvmlDeviceGetCount", ""), False),
        ("env:CUDA_", ("env", "CUDA_VISIBLE_DEVICES"), True),
        ("env:CUDA_", ("env", "HOME"), False),
        ("http", ("get", "http://127.0.0.1:1/"), True),
        ("commands", ("run", "ls", "/"), True),
        ("commands:ls", ("run", "ls", "/"), True),
        ("commands", ("env", "A"), False),
        ("metal", ("metal",), True),
    ],
)
def test_what_was_recorded_completely_is_an_area_or_a_folder(
    entry: str, question: tuple[str, ...], covered: bool
) -> None:
    """A whole one, the beginning of its names, or a folder with what is below it."""
    recording = Recording(platform=LINUX, covers=("registry", entry), answers={})

    assert recording.covered(question[0], question[1:]) is covered
    assert not Recording(platform=LINUX).covered(question[0], question[1:])


def test_a_pipe_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command at its other end may take a while for the beginning, and again in between."""
    content = encode(RECORDING).encode()
    monkeypatch.setattr(files, "_PIPE_PATIENCE_S", 0.5)
    reading, writing = os.pipe()
    waits: list[float] = []
    pieces = iter([content[:100], content[100:]])

    def select(
        _reading: list[int], _writing: list[int], _odd: list[int], patience_s: float
    ) -> tuple[list[int], ...]:
        waits.append(patience_s)
        piece = next(pieces, None)
        if piece is None:
            os.close(writing)
        else:
            os.write(writing, piece)
        return [reading], [], []

    monkeypatch.setattr("select.select", select)
    found = read_recording(f"/dev/fd/{reading}")
    os.close(reading)

    assert found == RECORDING
    assert waits == [0.5] * 3


@pytest.mark.parametrize("sent", [b"", b"{"])
def test_a_pipe_has_a_time_for_all_of_it(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """However patient each single look is; what came before is spoken of."""
    monkeypatch.setattr(files, "_PIPE_TOTAL_S", 0.0)
    reading, writing = os.pipe()
    os.write(writing, sent)
    with pytest.raises(RecordingError) as caught:
        read_recording(f"/dev/fd/{reading}")
    os.close(reading)
    os.close(writing)

    assert caught.value.message.id == ("recording.pipe-stopped" if sent else "recording.pipe-silent")
