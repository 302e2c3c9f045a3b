"""
How a run ends: exit codes, and one sentence on stderr for whatever a user can do wrong.
"""

import io
import sys
from pathlib import Path

import msgspec
import pytest

from llmprobe import api
from llmprobe.cli import main
from llmprobe.errors import LlmprobeError, ModelError
from llmprobe.facts.machine import Snapshot
from tests.output import samples

PROBE = api.probe


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Answer for a healthy desktop without probing.
    """
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: samples.rtx4090())


def ended(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """
    Return the exit code, stdout and stderr of a run.
    """
    code = main(arguments)
    said = capsys.readouterr()
    return code, said.out, said.err


WRONG = [
    (("recomend",), "there is no command 'recomend'; did you mean 'recommend'?"),
    (("frobnicate",), "there is no command 'frobnicate'; the commands are"),
    (("check", "--replay", "x.json"), "--replay goes before the command"),
    (("--ram", "64", "check"), "--ram: '64' has no unit"),
    (("--replay", "x.json", "--gpu", "RTX 4090", "--ram", "64GiB", "check"), "name two different machines"),
    (("recommend",), "no model is named\nhint: such as llmprobe recommend --model llama3-70b"),
    (("estimate",), "no model is named\nhint: such as llmprobe estimate llama3-70b"),
    (("--json", "check"), "--json goes after the command\nhint: llmprobe COMMAND --json"),
    (("recommend", "--modle", "x"), "there is no option '--modle'\nhint: did you mean --model?"),
    (("check", "--explain"), "option '--explain' requires an argument\nhint: see llmprobe check --help"),
    (("check", "--explain", ""), "there is no finding ''"),
    (("recommend", "-m", "x", "-c", "٣"), "--ctx-size: '٣' is not a number of tokens"),
    (("recommend", "-m", "x", "-c", "8_000"), "--ctx-size: '8_000' is not a number of tokens"),
    (("recommend", "-m", "x", "--min-speed", "٣"), "--min-speed: '٣' is not a number of tokens per second"),
    (("recommend", "-m", "x", "--reserve", "６４GiB"), "--reserve: '６４GiB' is not a size"),
    (("recommend", "-m", "x", "--write", ""), "--write: '' is no name of a folder"),
    (("estimate", "x", "-c", "max"), "such as -c 8192; max is for recommend"),
    (("estimate", "x", "-ts", "1,٣"), "--tensor-split: '1,٣' is not a split"),
    (("--timeout", "٣", "check"), "--timeout: '٣' is not a number of seconds"),
    (("--timeout", "601", "check"), "--timeout: 601 seconds cannot be\nhint: more than 0 and up to 600"),
    (("watch", "--interval", "٣"), "--interval: '٣' is not a number of seconds"),
    (("recommend", "-m", "x", "-c", "-5"), "--ctx-size: a context of -5 tokens cannot be"),
    (("recommend", "-m", "x", "-c", "99999999999"), "--ctx-size: a context of 99999999999 tokens cannot be"),
    (("recommend", "-m", "x", "-c", "8k"), "--ctx-size: '8k' is not a number of tokens"),
    (("recommend", "-m", "x", "-np", "0"), "--parallel: '0' is not a whole number from 1 up"),
    (("recommend", "-m", "x", "--reserve", "1"), "--reserve: '1' has no unit"),
    (
        ("recommend", "-m", "x", "--min-speed", "nan"),
        "--min-speed: 'nan' is not a number of tokens per second",
    ),
    (("estimate", "x", "-c", "-5"), "--ctx-size: a context of -5 tokens cannot be"),
    (("estimate", "x", "-ngl", "some"), "--gpu-layers: 'some' is not a number of layers"),
    (("estimate", "x", "-ts", "0,0"), "--tensor-split: '0,0' is not a split"),
    (("estimate", "x", "-ctk", "q9"), "invalid value for '-ctk'"),
    (("estimate", "x", "--cpu-moe", "--n-cpu-moe", "3", "--devices", "1"), "--cpu-moe already is"),
    (("check", "--explain", "no-such-finding"), "there is no finding 'no-such-finding'"),
    (("record", "--show", "-o", "x.json"), "--show writes nothing"),
    (("--gpu", "RTX 4090", "--ram", "64GiB", "record"), "record records the machine that it runs on"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG)
def test_wrong_usage_is_one_sentence(
    arguments: tuple[str, ...],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Exit code 2, nothing on stdout, and on stderr one error with at most one hint.
    """
    monkeypatch.setattr(api, "load_model", lambda *_args, **_options: None)
    code, out, err = ended(capsys, *arguments)

    assert (code, out) == (2, "")
    assert sentence in err
    assert [line.split(":")[0] for line in err.splitlines()] in (["error"], ["error", "hint"])


def test_an_error_keeps_its_exit_code_and_hint(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What could not be answered ends with 1, the sentence and the hint.
    """

    def unknown(*_args: object, **_options: object) -> None:
        raise ModelError("no model is called 'lama'", hint="did you mean llama-3-8b?")

    monkeypatch.setattr(api, "load_model", unknown)

    assert ended(capsys, "recommend", "-m", "lama") == (
        1,
        "",
        "error: no model is called 'lama'\nhint: did you mean llama-3-8b?\n",
    )


def test_a_bug_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    An error that nobody raised on purpose is not dressed up as an answer.
    """

    def broken(*_args: object, **_options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(api, "probe", broken)

    with pytest.raises(ZeroDivisionError):
        main(["check"])


def test_an_interrupt_ends_with_130(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Ctrl-C is no error and has no traceback.
    """

    def interrupted(*_args: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "probe", interrupted)
    code, out, err = ended(capsys, "check", "--json")

    assert (code, out, err.strip()) == (130, "", "")


def test_a_hypothetical_machine_without_ram_is_wrong_usage(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A card needs --ram beside it; a chip that shares memory brings its own.
    """
    monkeypatch.setattr(api, "probe", PROBE)
    code, out, err = ended(capsys, "--gpu", "RTX 4090", "check")

    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "error: a hypothetical machine needs the size of its RAM",
        "hint: give --ram a size such as 64GiB",
    ]
    assert ended(capsys, "--gpu", "M4 Max 128GB", "check", "--json")[0] == 0


def test_check_answers_with_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    """
    With --json stdout is exactly the document, and stderr is empty.
    """
    code, out, err = ended(capsys, "check", "--json")

    assert (code, err) == (0, "")
    assert msgspec.json.decode(out, type=Snapshot) == samples.rtx4090()


def test_check_says_no_when_a_finding_is_an_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    A machine with an error is answered with exit code 3, for people and for tools.
    """
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: samples.container())

    assert [ended(capsys, "check", *more)[0] for more in ((), ("--json",))] == [3, 3]


def test_check_explains_one_finding(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    --explain shows a finding in full, with its evidence, and nothing else.
    """
    monkeypatch.setattr(api, "probe", lambda *_args, **_options: samples.container())
    _, out, _ = ended(capsys, "check", "--explain", "nvidia-driver-mismatch")

    assert "No program can use the GPU" in out.replace("\n  ", " ")
    assert "nvml:nvmlInit" in out
    assert "Intel Xeon" not in out
    assert out.startswith("error  ")


def test_a_finding_that_is_not_known_has_few_neighbours(capsys: pytest.CaptureFixture[str]) -> None:
    """
    What many ids contain names a handful, whatever its case.
    """
    hint = ended(capsys, "check", "--explain", "GPU")[2].splitlines()[1]

    assert hint.startswith("hint: such as ")
    assert hint.count(",") == 4


def test_a_finding_like_no_other_is_answered_with_those_of_the_machine(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Where no id is near, the hint names what is found here, or that nothing is.
    """
    hints = []
    for machine in (samples.container(), msgspec.structs.replace(samples.container(), findings=())):
        monkeypatch.setattr(api, "probe", lambda *_args, machine=machine, **_options: machine)
        hints.append(ended(capsys, "check", "--explain", "zzz")[2].splitlines()[1])

    assert "nvidia-driver-mismatch" in hints[0]
    assert hints[1] == "hint: nothing is found here; llmprobe check names what is"


def test_verbose_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    """
    -v lists the sources on stderr and leaves stdout as it is.
    """
    _, quiet, _ = ended(capsys, "check", "--json")
    _, out, err = ended(capsys, "-v", "check", "--json")

    assert out == quiet
    assert [line.split()[:2] for line in err.splitlines()] == [
        ["nvidia", "ok"],
        ["linux_memory", "ok"],
        ["apple", "absent"],
    ]


@pytest.mark.parametrize(
    ("answer", "code"), [(samples.recommendation(), 0), (samples.refusal(), 3)], ids=["yes", "no"]
)
def test_recommend_says_no_with_3(
    answer: msgspec.Struct, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Nothing fits is an answer, with the whole document and exit code 3.
    """
    monkeypatch.setattr(api, "load_model", lambda *_args, **_options: None)
    monkeypatch.setattr(api, "recommend", lambda *_args, **_options: answer)
    ended_with, out, _ = ended(capsys, "recommend", "-m", "x", "--json")

    assert ended_with == code
    assert msgspec.json.decode(out)["schema"] == "llmprobe.recommendation/1"


def test_recommend_hands_every_wish_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each option of recommend arrives as the keyword that the Python API knows.
    """
    seen: dict[str, object] = {}
    monkeypatch.setattr(api, "load_model", lambda name, **_options: name)

    def remember(model: object, _snapshot: object, **wishes: object) -> object:
        seen.update(wishes, model=model)
        return samples.recommendation()

    monkeypatch.setattr(api, "recommend", remember)
    line = (
        "recommend --model m -c max -np 2 --quant Q4_K_M --quant Q6_K --cache-type-k q8_0 --cache-type-v Q8_0 "
        "--priority speed --engine ollama --reserve 1GiB --assume-idle --min-speed 3 --min-quality Q3_K_M "
        "--top 2 --explain --json"
    )
    main(line.split())

    assert seen == {
        "model": "m",
        "explain": True,
        "ctx_size": "max",
        "parallel": 2,
        "quants": ("Q4_K_M", "Q6_K"),
        "cache_type_k": "q8_0",
        "cache_type_v": "q8_0",
        "priority": "speed",
        "engine": "ollama",
        "reserve_bytes": 1024**3,
        "assume_idle": True,
        "min_speed": 3.0,
        "min_quality": "Q3_K_M",
        "top": 2,
    }


def test_estimate_hands_every_setting_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Each option of estimate arrives as the keyword that the Python API knows.
    """
    seen: dict[str, object] = {}
    monkeypatch.setattr(api, "load_model", lambda _name, quant, **_options: quant)

    def remember(_model: object, **settings: object) -> object:
        seen.update(settings)
        return samples.estimate()

    monkeypatch.setattr(api, "estimate", remember)
    line = (
        "estimate m --quant Q4_K_M -c 8192 -ngl all --n-cpu-moe 3 -ctk q8_0 -ctv q8_0 -fa on -b 1024 -ub 256 "
        "-np 2 --kv-unified -sm none -ts 3,1 -nkvo -ot a=CPU -ot b=CPU --no-op-offload --swa-full --no-repack "
        "--outputs-max 4 --engine llama-bench --devices 2 --backend rocm --explain --json"
    )
    main(line.split())

    assert seen == {
        "snapshot": None,
        "quant": "Q4_K_M",
        "ctx_size": 8192,
        "gpu_layers": None,
        "n_cpu_moe": 3,
        "cpu_moe": False,
        "override_tensor": ("a=CPU", "b=CPU"),
        "cache_type_k": "q8_0",
        "cache_type_v": "q8_0",
        "flash_attn": "on",
        "batch_size": 1024,
        "ubatch_size": 256,
        "parallel": 2,
        "kv_unified": True,
        "split_mode": "none",
        "tensor_split": (3.0, 1.0),
        "kv_offload": False,
        "op_offload": False,
        "swa_full": True,
        "repack": False,
        "outputs_max": 4,
        "engine": "llama-bench",
        "devices": 2,
        "backend": "rocm",
        "explain": True,
    }


def test_models_that_do_not_exist_are_an_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    An empty list is answered with 0; for a person stderr says that there is none.
    """
    monkeypatch.setattr(api, "models", lambda _text: ())
    code, out, err = ended(capsys, "models", "no", "such")

    assert (code, out) == (0, "")
    assert "'no such'" in err


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> str:
    """
    Record a machine that answers at once.
    """
    text = '{"schema": "llmprobe.recording/1"}\n'
    monkeypatch.setattr(api, "record", lambda **_options: text)
    return text


def test_record_writes_a_new_file_and_names_it(
    recorded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    The path is on stdout; without -o it has the date and is a new one each time; only the owner can read it.
    """
    monkeypatch.chdir(tmp_path)
    paths = [Path(ended(capsys, "record")[1].strip()) for _ in range(2)]

    assert [path.read_text() for path in paths] == [recorded, recorded]
    assert [path.stat().st_mode & 0o077 for path in paths] == [0, 0]
    assert len(set(paths)) == 2


def test_record_never_overwrites(recorded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    A file that exists stays as it is, and the sentence says why.
    """
    path = tmp_path / "box.json"
    path.write_text("precious")
    code, out, err = ended(capsys, "record", "-o", str(path))

    assert (code, out) == (1, "")
    assert "exists and is not overwritten" in err
    assert path.read_text() == "precious"


def test_record_says_when_it_cannot_write(
    recorded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A folder that is not there is one sentence with exit code 1.
    """
    code, out, err = ended(capsys, "record", "-o", str(tmp_path / "none" / "box.json"))

    assert (code, out) == (1, "")
    assert len(err.splitlines()) == 2


def test_record_shows_without_writing(
    recorded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    --show prints what would be written, and no file appears.
    """
    monkeypatch.chdir(tmp_path)
    code, out, _ = ended(capsys, "record", "--show")

    assert (code, out) == (0, recorded)
    assert list(tmp_path.iterdir()) == []


def test_a_dash_is_standard_output(
    recorded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    With -o - the recording is on stdout, and no file of that name appears.
    """
    monkeypatch.chdir(tmp_path)

    assert ended(capsys, "record", "-o", "-") == (0, recorded, "")
    assert list(tmp_path.iterdir()) == []


def test_a_recording_is_not_written_over_a_folder(
    recorded: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    A folder given with -o is called one, and the hint names a file in it.
    """
    code, out, err = ended(capsys, "record", "-o", str(tmp_path))

    assert (code, out) == (1, "")
    assert err == f"error: {tmp_path} is a folder\nhint: name a file in it, such as {tmp_path / 'box.json'}\n"


@pytest.mark.parametrize("command", ["", "check", "recommend", "estimate", "models", "record"])
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help_with_examples(
    command: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    -h and --help say the same, with examples, in letters that every locale has.
    """
    code, out, _ = ended(capsys, *command.split(), option)

    assert code == 0
    assert f"llmprobe {command}".strip() in out.split("Examples:")[1]
    assert out.isascii()


def test_no_command_is_usage_and_shows_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """
    ``llmprobe`` alone ends with 2 and shows what there is, on stderr.
    """
    code, out, err = ended(capsys)

    assert (code, out) == (2, "")
    assert err.startswith("Usage: llmprobe")


def test_an_ascii_stdout_gets_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Where stdout cannot write our letters, people get plain ones, and tools get UTF-8 all the same.
    """
    for arguments in (["check"], ["check", "--json"], ["check", "--help"]):
        kept = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(kept, encoding="ascii"))

        assert main(arguments) == 0
        sys.stdout.flush()
        assert kept.getvalue()


def test_llmprobe_error_is_what_users_read() -> None:
    """
    The base of our errors carries exit code 1.
    """
    assert LlmprobeError("x").exit_code == 1


def test_a_recording_is_not_written_where_nothing_can_be_looked_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    A name that is too long, or a closed folder, is said in one sentence.
    """
    code, out, err = ended(capsys, "record", "-o", "a" * 5000)

    assert (code, out) == (1, "")
    assert err.endswith(": file name too long\nhint: choose another place with -o\n")
