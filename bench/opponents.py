"""The environment of the programs we compare with, made from requirements/bench.txt: theirs, apart from ours.

requirements/bench.txt pins it by hash; it is made with
`printf '%s\\n' fastapi httptools 'psycopg[binary]' sqlalchemy uvicorn uvloop wechatpayv3==2.0.4 | uv pip compile -
--universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header
-o requirements/bench.txt`.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

from bench.processes import BenchError
from tools.programs import ROOT

REQUIREMENTS = ROOT / "requirements" / "bench.txt"


def python(requirements: Path = REQUIREMENTS) -> str:
    """The interpreter of that environment, or of one for other requirements, which is made the first time. Raises
    BenchError if it cannot be."""
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    home = ROOT / ".cache" / requirements.stem / digest
    if not home.exists():
        home.parent.mkdir(parents=True, exist_ok=True)
        # Made under another name and renamed when it is whole, so that two at once do no harm and no half is ever used.
        with tempfile.TemporaryDirectory(dir=home.parent) as scratch:
            half = Path(scratch, "venv")
            _uv("venv", "--relocatable", "--python", sys.executable, str(half))
            _uv("pip", "install", "--python", str(half / "bin/python"), "--require-hashes", "-r", str(requirements))
            try:
                half.rename(home)
            except OSError:
                if not home.exists():
                    raise
    return str(home / "bin" / "python")


def _uv(*arguments: str) -> None:
    done = subprocess.run([sys.executable, "-m", "uv", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"an environment for other people's programs cannot be made:\n{done.stderr[-3000:]}")
