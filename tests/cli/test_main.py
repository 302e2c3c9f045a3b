"""
How a run ends: exit codes, and one sentence on stderr for whatever a user can do wrong.
"""

import io
import json
import sys
from pathlib import Path

import msgspec
import pytest

from llmprobe import api
from llmprobe.cli import ending, main
from llmprobe.errors import LlmprobeError, ModelError, UsageError
from llmprobe.facts import wire
from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import Message, message
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
    (("recomend",), "error.command-unknown", "hint.did-you-mean"),
    (("frobnicate",), "error.command-unknown", "hint.commands"),
    (("check", "--replay", "x.json"), "error.option-after-command", "hint.before-command"),
    (("check", "--lang", "en"), "error.option-after-command", "hint.before-command"),
    (("--lang", "zz", "check"), "error.language-unknown", "hint.languages"),
    (("--ram", "64", "check"), "error.size-without-unit", "hint.size-unit"),
    (
        ("--replay", "x", "--gpu", "RTX 4090", "--ram", "64G", "check"),
        "error.two-machines",
        "hint.one-machine",
    ),
    (("--replay", "x", "--ram", "64G", "check"), "error.two-machines", "hint.one-machine"),
    (("recommend", "llama3", "-m", "qwen3"), "error.two-models", "hint.one-of-them"),
    (("estimate", "llama3", "--model", "qwen3"), "error.two-models", "hint.one-of-them"),
    (("recommend",), "error.model-missing", "hint.model"),
    (("estimate",), "error.model-missing", "hint.model"),
    (("--json", "check"), "error.option-before-command", "hint.after-command"),
    (("recommend", "--modle", "x"), "error.option-unknown", "hint.did-you-mean"),
    (("check", "--zzz"), "error.option-unknown", "hint.help"),
    (("--zzz", "check"), "error.option-unknown", "hint.help"),
    (("check", "--explain"), "error.option-needs-value", "hint.help"),
    (("--ram",), "error.option-needs-value", "hint.help"),
    (("check", "--wake=3"), "error.option-takes-no-value", "hint.help"),
    (("--verbose=3", "check"), "error.option-takes-no-value", "hint.help"),
    (("check", "a", "b"), "error.extra-arguments", "hint.help"),
    (("check", "--explain", ""), "error.finding-unknown", "hint.findings-here"),
    (("recommend", "-m", "x", "-c", "٣"), "error.option-context", "hint.context"),
    (("recommend", "-m", "x", "-c", "8_000"), "error.option-context", "hint.context"),
    (("recommend", "-m", "x", "-c", "8kb"), "error.option-context", "hint.context"),
    (("recommend", "-m", "x", "--min-speed", "٣"), "error.option-rate", "hint.such-as"),
    (("recommend", "-m", "x", "--min-speed", "nan"), "error.option-rate", "hint.such-as"),
    (("recommend", "-m", "x", "--reserve", "６４GiB"), "error.size-malformed", "hint.size"),
    (("recommend", "-m", "x", "--reserve", "1"), "error.size-without-unit", "hint.size-unit"),
    (("recommend", "-m", "x", "--write", ""), "error.file-without-name", "hint.such-as"),
    (("recommend", "-m", "x", "--priority", "fast"), "error.option-choice", "hint.help"),
    (("estimate", "x", "-c", "max"), "error.option-context", "hint.context-max"),
    (("estimate", "x", "-ts", "1,٣"), "error.option-split", "hint.split"),
    (("estimate", "x", "-ts", "0,0"), "error.option-split", "hint.split"),
    (("--timeout", "٣", "check"), "error.option-seconds", "hint.such-as"),
    (("--timeout", "601", "check"), "error.option-seconds-range", "hint.such-as"),
    (("--timeout", "0", "check"), "error.option-seconds-range", "hint.such-as"),
    (("watch", "--interval", "٣"), "error.option-seconds", "hint.such-as"),
    (("recommend", "-m", "x", "-c", "-5"), "error.option-context-range", "hint.context"),
    (("recommend", "-m", "x", "-c", "99999999999"), "error.option-context-range", "hint.context"),
    (("recommend", "-m", "x", "-c", "2097152k"), "error.option-context-range", "hint.context"),
    (("recommend", "-m", "x", "-np", "0"), "error.option-number", None),
    (("estimate", "x", "-c", "-5"), "error.option-context-range", "hint.context"),
    (("estimate", "x", "-ngl", "some"), "error.option-layers", "hint.layers"),
    (("estimate", "x", "-ngl", "2147483648"), "error.option-layers", "hint.layers"),
    (("estimate", "x", "-ctk", "q9"), "error.option-choice", "hint.help"),
    (
        ("estimate", "x", "--cpu-moe", "--n-cpu-moe", "3", "--devices", "1"),
        "error.all-experts-and-some",
        "hint.one-of-them",
    ),
    (
        ("--gpu", "x", "--ram", "9G", "estimate", "x", "--devices", "1"),
        "error.two-kinds-of-devices",
        "hint.one-of-them",
    ),
    (("check", "--explain", "no-such-finding"), "error.finding-unknown", "hint.findings-here"),
    (("check", "--explain", "GPU"), "error.finding-unknown", "hint.findings-near"),
    (("record", "--show", "-o", "x.json"), "error.show-writes-nothing", "hint.one-of-them"),
    (("record", "-o", ""), "error.file-without-name", "hint.such-as"),
    (
        ("--gpu", "RTX 4090", "--ram", "64GiB", "record"),
        "error.record-needs-this-machine",
        "hint.no-other-machine",
    ),
]


@pytest.mark.parametrize(("arguments", "_error", "hint"), WRONG)
def test_wrong_usage_is_one_sentence(
    arguments: tuple[str, ...],
    _error: str,
    hint: str | None,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Exit code 2, one error with at most one hint on stderr, and on stdout only the document of it with --json.
    """
    monkeypatch.setattr(api, "load_model", lambda *_args, **_options: None)
    code, out, err = ended(capsys, *arguments)

    assert code == 2
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", *(["hint"] if hint else [])]
    assert bool(out) == ("--json" in arguments)


@pytest.mark.parametrize(("arguments", "error", "hint"), WRONG)
def test_every_wrong_usage_has_its_message(
    arguments: tuple[str, ...],
    error: str,
    hint: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The message is that of the mistake, in whichever place of the line it is.
    """
    monkeypatch.setattr(api, "load_model", lambda *_args, **_options: None)
    seen: list[LlmprobeError] = []

    def remember(found: LlmprobeError, *_args: object, **_options: object) -> int:
        seen.append(found)
        return 2

    monkeypatch.setattr(ending, "_fail", remember)
    main(arguments)
    (found,) = seen
    problem = found.message.values.get("problem")

    assert isinstance(found, UsageError)
    assert (problem if isinstance(problem, Message) else found.message).id == error
    assert (None if found.hint is None else found.hint.id) == hint


def test_an_error_keeps_its_exit_code_and_hint(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    What could not be answered ends with 1, the sentence and the hint.
    """

    def unknown(*_args: object, **_options: object) -> None:
        raise ModelError(
            samples.said("no model is called 'lama'"), hint=samples.said("did you mean llama-3-8b?")
        )

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
    assert wire.decode(out, Snapshot) == samples.rtx4090()


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
    out = ended(capsys, "check", "--explain", "GPU", "--json")[1]
    known = json.loads(out)["hint"]["values"]["known"]

    assert len(known) == 5
    assert [name for name in known if "gpu" not in name] == []


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

    assert hints == [
        "hint: findings of this machine: nvidia-driver-mismatch",
        "hint: this machine has no findings",
    ]


def test_a_finding_that_does_not_apply_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    """
    An id that exists and is not found here is no error: a note has what it is about, and the page is empty.
    """
    code, out, err = ended(capsys, "check", "--explain", "gpu-lost")

    assert (code, out) == (0, "")
    assert err.startswith("note: gpu-lost was not found here. What it reports: ")


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
        ["apple", "not"],
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
        "--priority speed --for agent --engine ollama --reserve 1GB --assume-idle --min-speed 3 --min-quality Q3_K_M "
        "--top 2 --mmproj none --no-mmproj-offload --image-min-tokens 8 --image-max-tokens 512 --explain "
        "--table --json"
    )
    main(line.split())

    assert seen == {
        "model": "m",
        "explain": True,
        "table": True,
        "mmproj": "none",
        "mmproj_offload": False,
        "image_min_tokens": 8,
        "image_max_tokens": 512,
        "ctx_size": "max",
        "parallel": 2,
        "quants": ("Q4_K_M", "Q6_K"),
        "cache_type_k": "q8_0",
        "cache_type_v": "q8_0",
        "priority": "speed",
        "use": "agent",
        "engine": "ollama",
        "reserve_bytes": 1024**3,
        "assume_idle": True,
        "min_speed": 3.0,
        "min_quality": "Q3_K_M",
        "top": 2,
    }


def test_estimate_hands_every_setting_of_a_draft_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    What drafts, and how, arrives as the keywords that the Python API knows; what is left out is not among them.
    """
    seen: dict[str, object] = {}
    monkeypatch.setattr(api, "load_model", lambda name, quant, **_options: (name, quant))

    def remember(_model: object, **settings: object) -> object:
        seen.update(settings)
        return samples.estimate()

    monkeypatch.setattr(api, "estimate", remember)
    line = (
        "estimate m --devices 2 -md d --quant-draft Q8_0 --spec-type draft-simple,ngram-mod --spec-draft-n-max 5 "
        "-ctkd q8_0 -ctvd q4_0 -ngld 7 -devd gpu1,CUDA0 --json"
    )
    main(line.split())

    assert {name: value for name, value in seen.items() if "draft" in name or "spec" in name} == {
        "draft_model": ("d", "Q8_0"),
        "draft_quant": "Q8_0",
        "spec_type": "draft-simple,ngram-mod",
        "spec_draft_n_max": 5,
        "spec_draft_type_k": "q8_0",
        "spec_draft_type_v": "q4_0",
        "spec_draft_ngl": 7,
        "spec_draft_device": ["gpu1", "CUDA0"],
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
        "estimate m --quant Q4_K_M -c 8k -ngl all --n-cpu-moe 3 -ctk q8_0 -ctv q8_0 -fa on -b 1024 -ub 256 "
        "-np 2 --kv-unified -sm none -ts 3,1 -nkvo -ot a=CPU -ot b=CUDA1 -ncffn 4 --moe-cache-mib 512 "
        "--no-op-offload --swa-full --no-repack "
        "--outputs-max 4 --engine llama-bench --devices 2 --backend rocm --mmproj p.gguf --no-mmproj-offload "
        "--image-min-tokens 8 --image-max-tokens 512 --prompt-tokens 300 --explain --json"
    )
    main(line.split())

    assert seen == {
        "snapshot": None,
        "quant": "Q4_K_M",
        "ctx_size": 8192,
        "gpu_layers": None,
        "n_cpu_moe": 3,
        "cpu_moe": False,
        "override_tensor": ("a=CPU", "b=CUDA1"),
        "n_cpu_ffn": 4,
        "moe_cache_mib": 512,
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
        "mmproj": "p.gguf",
        "mmproj_offload": False,
        "image_min_tokens": 8,
        "image_max_tokens": 512,
        "engine": "llama-bench",
        "devices": 2,
        "backend": "rocm",
        "rpc": (),
        "prompt_tokens": 300,
        "explain": True,
    }


@pytest.mark.parametrize("command", ["recommend", "estimate"])
def test_a_model_is_named_with_or_without_its_option(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Whoever knows one command's form can use it with the other.
    """
    machine = ("--gpu", "RTX 4090", "--ram", "64GB", command)
    answers = [
        ended(capsys, *machine, *words, "--json")
        for words in (("qwen3-0.6b",), ("-m", "qwen3-0.6b"), ("--model", "qwen3-0.6b"))
    ]

    assert answers[0][0] == 0
    assert answers[0] == answers[1] == answers[2]


def test_a_model_that_does_not_exist_is_no_answer(capsys: pytest.CaptureFixture[str]) -> None:
    """
    A name that means nothing ends with 1 and the same sentence and hint as with recommend.
    """
    answers = [ended(capsys, *words) for words in (("models", "lamma"), ("recommend", "-m", "lamma"))]

    assert answers[0] == answers[1]
    assert answers[0][:2] == (1, "")
    assert "llama-3-8b-instruct" in answers[0][2].splitlines()[1]


@pytest.mark.parametrize(
    "name",
    [
        "llama3",
        "qwen3:30b",
        "jamba",
        "Meta-Llama-3-70B-Instruct",
        "deepseek coder",
        "lama3 70b",
        "command r+",
        "Qwen3-14B-Foo-GGUF",
    ],
)
def test_models_understands_a_name_as_recommend_does(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """
    The first model of the list is the one that every other command takes.
    """
    meant = api.load_model(name).id
    document = json.loads(ended(capsys, "models", name, "--json")[1])

    assert (document["meant"], document["models"][0]["id"]) == (meant, meant)
    assert len({model["id"] for model in document["models"]}) == len(document["models"])


def test_a_part_of_a_name_lists_without_meaning_one(capsys: pytest.CaptureFixture[str]) -> None:
    """
    What is in names and is none is answered with the list alone.
    """
    code, out, _ = ended(capsys, "models", "lla", "--json")
    document = json.loads(out)

    assert (code, document["meant"]) == (0, None)
    assert "llama-3-8b-instruct" in [model["id"] for model in document["models"]]


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
    assert err == f"error: {tmp_path} is a folder\nhint: such as -o {tmp_path / 'box.json'}\n"


@pytest.mark.parametrize(
    "command", ["", "check", "fit", "recommend", "plan", "upgrade", "estimate", "models", "watch", "record"]
)
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_command_has_help_with_examples(
    command: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """
    -h and --help say the same, with examples, in letters that every locale has; no name stands there without a word.
    """
    code, out, _ = ended(capsys, *command.split(), option)

    assert code == 0
    assert f"llmprobe {command}".strip() in out.split("Examples:")[1]
    assert not {"MODEL", "[TEXT]..."} & {line.strip() for line in out.splitlines()}
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
    assert LlmprobeError(message("error.stdout-closed")).exit_code == 1


def test_a_recording_is_not_written_where_nothing_can_be_looked_at(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """
    A name that is too long, or a closed folder, is said in one sentence.
    """
    code, out, err = ended(capsys, "record", "-o", "a" * 5000)

    assert (code, out) == (1, "")
    assert err.endswith(": file name too long\nhint: choose another place with -o\n")
