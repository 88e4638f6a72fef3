"""Where somebody else's SDKs live, and how a script that uses them is run."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements" / "foreign.txt"
ENVIRONMENT = ROOT / ".cache" / "foreign"


def prepared() -> Path:
    """The environment's interpreter; the environment is made anew when the requirements change."""
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT)], check=True)
        install = [*uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes"]
        subprocess.run([*install, "-r", str(REQUIREMENTS)], check=True)
        stamp.write_text(wanted)
    return python


def told(python: Path, script: str, *arguments: str) -> dict[str, Any]:
    """What a script of this folder writes, run by a foreign interpreter."""
    command = [str(python), str(Path(__file__).with_name(script)), *arguments]
    surroundings = os.environ | {"NO_PROXY": "127.0.0.1"}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=surroundings)
    assert ended.returncode == 0, ended.stderr
    story = json.loads(ended.stdout)
    assert isinstance(story, dict)
    return story
