"""
A command that a page prints for the same machine names that machine.
"""

import shlex

import pytest

from llmprobe.cli import main
from llmprobe.cli.target import Target
from llmprobe.units import GIB, MIB
from tests.machine_fixtures import FOLDER

HYPOTHETICAL = ["--gpu", "RTX 3090", "--gpu", "RTX 3060", "--ram", "64GiB DDR5-6000", "--cores", "16"]
CALL = "llmprobe "


def printed(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> str:
    """
    The page that a command prints for people.
    """
    main(arguments)
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("target", "question"),
    [
        (HYPOTHETICAL, ["check"]),
        (["--replay", str(FOLDER / "linux-2x3090-64g" / "recording.json")], ["check"]),
        (HYPOTHETICAL, ["upgrade", "--model", "qwen3-0.6b"]),
    ],
)
def test_a_finding_is_explained_for_the_machine_that_has_it(
    target: list[str], question: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    The printed command, entered as it stands, explains the finding that the page names.
    """
    page = printed(capsys, [*target, *question])
    (command,) = (line.strip() for line in page.splitlines() if "--explain" in line)
    words = shlex.split(command[command.index(CALL) + len(CALL) :])

    explained = printed(capsys, words)

    assert words[: len(target)] == target
    assert words[-1] in explained
    assert words[-1] in page


def test_the_rate_of_the_ram_that_an_option_gives_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Two channels of DDR5 at 6000 MT/s read 96 GB/s; without the option nothing is said of the rate.
    """
    assert "reads 96 GB/s" in printed(capsys, [*HYPOTHETICAL, "check"])
    assert "reads" not in printed(capsys, ["--gpu", "RTX 3090", "--ram", "64GiB", "check"])


def test_every_option_of_a_machine_is_repeated() -> None:
    """
    Sizes in units that are read as the same size.
    """
    target = Target(
        gpus=("RTX 3090",),
        ram_bytes=3 * GIB // 2,
        ram_bandwidth_bytes_per_s=80_000_000_000,
        cpu="Ryzen 9 7950X",
        cores=16,
        pcie="4x8",
        wired_limit_bytes=512 * MIB,
    )

    assert shlex.join(target.words) == (
        "--gpu 'RTX 3090' --ram 1536MiB --ram-bandwidth 80GB/s --cpu 'Ryzen 9 7950X' --cores 16 --pcie 4x8"
        " --wired-limit 512MiB"
    )
    assert Target().words == ()
