"""`python3 tools/setup.py`: make .venv from the locked requirements, or bring it up to date. Otherwise it does nothing.

It is read by whatever Python a machine has, so that an old one is told what to do instead of failing on its grammar:
nothing newer than Python 3.6 may be written here, not even `from __future__ import annotations`.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = ROOT / ".venv"
PYTHON = ENVIRONMENT / "bin" / "python"
REQUIREMENTS = ROOT / "requirements" / "dev.txt"
STAMP = ENVIRONMENT / "tongbao-setup"


def main() -> None:
    """Make or refresh the environment, unless its stamp says that it fits this Python, this folder and these files."""
    _insist_on_python()
    base = f"{sys.version} {ROOT}"
    wanted = f"{base} {_digest(REQUIREMENTS, ROOT / 'pyproject.toml')}"
    found = STAMP.read_text() if STAMP.exists() else ""
    if found == wanted and PYTHON.exists():
        return
    print("Setting up .venv: the first time this takes about half a minute ...", flush=True)
    start = time.time()
    if not (found.startswith(base) and PYTHON.exists()):
        _make_environment()
    _install()
    STAMP.write_text(wanted)
    print(f"Set up in {time.time() - start:.0f} s.", flush=True)


def _insist_on_python() -> None:
    """Go on with a newer Python if this one is too old and there is one."""
    if sys.version_info >= (3, 11):  # noqa: UP036
        return
    for minor in range(20, 10, -1):
        newer = shutil.which(f"python3.{minor}")
        # Finding the name is not enough: a version manager answers to names it has no Python for.
        if newer and subprocess.call([newer, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(newer, [newer, *sys.argv])
    sys.exit(
        f"Tongbao needs Python 3.11 or newer, and {sys.executable} is {sys.version_info[0]}.{sys.version_info[1]}. "
        "Install a newer one (https://www.python.org/downloads/) and name it: make setup PYTHON=/path/to/python3"
    )


def _digest(*files: Path) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def _make_environment() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        _fetch_venv()
    _run(sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT))


def _fetch_venv() -> None:
    """Debian keeps a part of `venv` in a package of its own."""
    package = f"python3.{sys.version_info[1]}-venv"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        sys.exit(f"This Python cannot make environments. On Debian and Ubuntu: sudo apt-get install {package}")
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    _run("apt-get", "update", "-q")
    _run("apt-get", "install", "-q", "-y", "--no-install-recommends", package)


def _install() -> None:
    """First uv, by the hashes the lock has for it; then with uv everything, which takes it a tenth of pip's time."""
    uv = re.search(r"^uv==.*\n(?: .*\n)*", REQUIREMENTS.read_text(), re.MULTILINE)
    if uv is None:
        sys.exit(f"{REQUIREMENTS} does not pin uv: run `make lock`")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as only_uv:
        only_uv.write(uv.group())
        only_uv.flush()
        _run(str(PYTHON), "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "-r", only_uv.name)
    _use_the_index_of_pip()
    install = [str(ENVIRONMENT / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON)]
    _run(*install, "--require-hashes", "-r", str(REQUIREMENTS))
    _run(*install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))


def _use_the_index_of_pip() -> None:
    """uv does not read pip's configuration, where many have named a mirror near them."""
    question = [str(PYTHON), "-m", "pip", "config", "get", "global.index-url"]
    asked = subprocess.run(question, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    index = os.environ.get("PIP_INDEX_URL") or asked.stdout.decode().strip()
    if index:
        os.environ.setdefault("UV_DEFAULT_INDEX", index)


def _run(*command: str) -> None:
    """Run a command that must succeed; what it says is the explanation if it does not."""
    status = subprocess.call(command)
    if status:
        sys.exit(f"Setting up failed: `{' '.join(command)}` ended with status {status}.")


if __name__ == "__main__":
    main()
