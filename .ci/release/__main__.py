"""
``python -m release [--address URL] [--homepage URL] [--program]``: build all twice, compare, and write it to ``dist/``.

Built is what the last commit has: changes that are not committed are named and left out. The time in all archives is
``SOURCE_DATE_EPOCH``, by default that of the commit. Tools come from the package registry, into ``build/release``.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import Any

from llmprobe._version import __version__
from release.archives import checksums, different, normalized, sha256
from release.filled import FORMULA, MANIFEST, TEMPLATES, filled, notes, resources, sources, unfilled

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "release"
DIST = ROOT / "dist"
SUMS = "SHA256SUMS"
_BILL = ("-m", "cyclonedx_py", "environment", "--output-reproducible", "--mc-type", "application")
_NOT_FOR_USERS = frozenset({"test", "docs", "dev"})


def main() -> int:
    """
    Build a release; it ends with 1 where two builds differ.
    """
    parser = argparse.ArgumentParser(prog="python -m release")
    parser.add_argument("--address", default="", help="folder in which the files of this release will be")
    parser.add_argument("--homepage", default="", help="page of the project")
    parser.add_argument(
        "--program", action="store_true", help="also the executable file of this kind of machine, built once"
    )
    asked = parser.parse_args()
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or _git("log", "-1", "--format=%ct"))
    if changed := _git("status", "--porcelain", "--untracked-files=no"):
        print(f"not committed, so not in the release:\n{changed}", file=sys.stderr)
    shutil.rmtree(BUILD, ignore_errors=True)
    tools = _environment(BUILD / "tools", "build", "cyclonedx-bom")
    for name in ("first", "second"):
        _built(BUILD / name, tools, epoch)
    if names := different(BUILD / "first", BUILD / "second"):
        print(f"two builds of one commit differ: {', '.join(names)}", file=sys.stderr)
        return 1
    files = [_kept(path) for path in sorted((BUILD / "first").iterdir())]
    files += [
        _written("RELEASE_NOTES.md", notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), __version__))
    ]
    if asked.program:
        files += [_kept(path) for path in program(BUILD / "first-source", epoch)]
    files += [_bill(tools, next(path for path in files if path.suffix == ".whl"), epoch)]
    files += _packages(files, tools, asked.address.rstrip("/"), asked.homepage)
    _written(SUMS, checksums(files))
    for path in files:
        print(f"{sha256(path)[:16]}  {path.stat().st_size:>10,}  {path.relative_to(ROOT)}")
    return 0


def _built(folder: Path, tools: Path, epoch: int) -> None:
    """
    Build the wheel and the source archive of the last commit into a folder.
    """
    source = folder.with_name(f"{folder.name}-source")
    source.mkdir(parents=True)
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x"], cwd=source, input=archive, check=True)
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"}
    command = [str(tools), "-m", "build", "--outdir", str(folder), "."]
    subprocess.run(command, cwd=source, env=environment, check=True, stdout=subprocess.DEVNULL)
    for path in folder.glob("*.tar.gz"):
        path.write_bytes(normalized(path.read_bytes(), epoch))


def program(source: Path, epoch: int) -> list[Path]:
    """
    Build the program as one file, in a folder that has the sources, and return it: what is there that was not before.

    It is built once: whether two of them are the same to the byte was not tried.
    """
    folder = source / "dist"
    before = set(folder.iterdir()) if folder.is_dir() else set()
    environment = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"}
    subprocess.run([str(source / ".ci" / "app"), sys.executable], cwd=source, env=environment, check=True)
    return sorted(set(folder.iterdir()) - before)


def _bill(tools: Path, wheel: Path, epoch: int) -> Path:
    """
    Write the bill of materials (CycloneDX): what an installation with all extras for users has, at the tested versions.
    """
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    wished = ",".join(sorted(extras.keys() - _NOT_FOR_USERS))
    installed = BUILD / "installed"
    venv.create(installed, with_pip=False, clear=True)
    python = installed / "bin" / "python"
    constraints = str(ROOT / "constraints.txt")
    pip = [
        str(tools),
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--constraint",
        constraints,
    ]
    subprocess.run([*pip, f"{wheel}[{wished}]"], check=True)
    made = subprocess.run(
        [str(tools), *_BILL, "--pyproject", str(ROOT / "pyproject.toml"), str(python)],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)},
    ).stdout
    bill = json.loads(made.replace(wheel.resolve().as_uri(), wheel.name))
    bill["metadata"]["component"]["version"] = __version__  # pyproject.toml does not have it
    return _written(f"llmprobe-{__version__}.cdx.json", json.dumps(bill, indent=2) + "\n")


def _packages(files: list[Path], tools: Path, address: str, homepage: str) -> list[Path]:
    """
    Write the formula and the manifest, and name what is still to be filled in.
    """
    wheel = next(path for path in files if path.suffix == ".whl")
    sdist = next(path for path in files if path.name.endswith(".tar.gz"))
    needed = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    asked = [str(tools), "-m", "pip", *sources(["--constraint", str(ROOT / "constraints.txt"), *needed])]
    report: dict[str, Any] = json.loads(
        subprocess.run(asked, check=True, capture_output=True, text=True).stdout
    )
    values = {
        "VERSION": __version__,
        "WHEEL": wheel.name,
        "WHEEL_SHA256": sha256(wheel),
        "SDIST": sdist.name,
        "SDIST_SHA256": sha256(sdist),
        "RESOURCES": resources(report),
        **({"ADDRESS": address} if address else {}),
        **({"HOMEPAGE": homepage} if homepage else {}),
    }
    written = []
    for name in (FORMULA, MANIFEST):
        text = filled((TEMPLATES / f"{name}.in").read_text(encoding="utf-8"), values)
        written.append(_written(name, text))
        if left := unfilled(text):
            print(f"{name}: you fill in {', '.join(left)}", file=sys.stderr)
    return written


def _environment(folder: Path, *packages: str) -> Path:
    venv.create(folder, with_pip=True, clear=True)
    python = folder / "bin" / "python"
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True)
    return python


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def _kept(path: Path) -> Path:
    DIST.mkdir(exist_ok=True)
    return Path(shutil.copy(path, DIST / path.name))


def _written(name: str, text: str) -> Path:
    DIST.mkdir(exist_ok=True)
    path = DIST / name
    path.write_text(text, encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
