"""Atheris, Google's coverage-guided fuzzer, in a process and an environment of its own: requirements/fuzz.txt."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.opponents import python
from reliability.fuzz_door import Target
from reliability.progress import Progress
from reliability.stage import Stage

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = ROOT / "requirements" / "fuzz.txt"
_LONGEST_INPUT_BYTES = 4096
_COUNT = re.compile(r"^(?:#|Done )(\d+)")
_BROKEN = re.compile(r"Broken: (.*)|^(\w*Error: .*)")


@dataclass(frozen=True, slots=True)
class Found:
    """What a run came to."""

    count: int
    violations: list[str]
    figure: str


def can_run() -> bool:
    """Whether there is a build of it for this machine."""
    return sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 15)


def run(stage: Stage, target: Target, runs: int, seed: int, progress: Progress) -> Found:
    """Let it try so many inputs."""
    corpus = stage.folder / "corpus"
    corpus.mkdir()
    for number, text in enumerate(seeds(target)):
        (corpus / str(number)).write_bytes(text)
    command = [python(REQUIREMENTS), "-m", "reliability.fuzz_atheris_run", f"-runs={runs}", f"-seed={seed}"]
    command += [f"-max_len={_LONGEST_INPUT_BYTES}", f"-artifact_prefix={stage.folder}/", str(corpus)]
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "FUZZ_JOB": str(_job(stage, target))}
    count, last, broken = 0, "", []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            if found := _COUNT.match(line):
                progress.step("Atheris", int(found[1]) - count)
                count, last = int(found[1]), line.strip()
            if wrong := _BROKEN.search(line):
                broken.append(wrong[1] or wrong[2])
    if process.returncode and not broken:
        broken.append(f"Atheris ended with {process.returncode} after {count} inputs")
    return Found(count, [f"8 {each}" for each in broken], last)


def seeds(target: Target) -> Iterator[bytes]:
    """One input of each kind to begin with; the first byte is the kind."""
    transaction = json.dumps(target.transaction(0)).encode()
    notice = b'{"id":"EV","event_type":"TRANSACTION.SUCCESS","resource":{"original_type":"transaction","nonce":"n"}}'
    yield from (b"0" + notice, b"1a\nb\nc\nd", b"2" + notice[:8], b"4" + notice)
    total = f'"total": {target.amount}'.encode()
    for before, after in ((b"CNY", b"USD"), (b"SUCCESS", b"NOTPAY"), (b'"wx', b'"xw'), (total, b'"total": -1')):
        yield b"3" + transaction.replace(before, after)


def _job(stage: Stage, target: Target) -> Path:
    """What the process needs to know."""
    job = {name: value for name, value in _fields(target).items() if name != "keys"} | {
        "papers": asdict(target.keys.papers),
        "database_url": stage.database_url,
        "master_keys": stage.server.program.environment["TONGBAO_MASTER_KEYS"],
        "apiv3_key": next(
            m.wechat.credentials["apiv3_key"] for m in stage.merchants if m.wechat.account_id == target.account_id
        ),
    }
    path = stage.folder / "atheris.json"
    path.write_text(json.dumps(job))
    return path


def _fields(target: Target) -> dict[str, object]:
    return {name: getattr(target, name) for name in target.__dataclass_fields__}
