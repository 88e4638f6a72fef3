"""The server of an embedded PostgreSQL: made, launched, found, halted, and mended after a crash."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import socket
import struct
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tongbao.kit.embedded.place import MAJOR, EmbeddedError, Place

_SOCKET = ".s.PGSQL.5432"
_LONGEST_SOCKET_PATH = 103  # bytes; Linux takes 107, macOS 103
_LARGEST_LOG_BYTES = 10_000_000
_START_SECONDS = 60
_ORPHAN_SECONDS = 2
_ANSWER_SECONDS = 2
_REAPED_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Running:
    """A server that is ready for connections."""

    pid: int
    socket_folder: Path


def find(data: Path) -> Running | None:
    """The server of `data`, waited for while it is starting or stopping. Raises EmbeddedError if it hangs.

    A recorded pid alone proves nothing: by now it may be another process's.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        try:
            # Its lines are pid, data, start, port, socket folder; later addresses, shared memory, state.
            pid, _, _, _, folder, *later = (data / "postmaster.pid").read_text().splitlines()
        except (FileNotFoundError, ValueError):
            return None
        answers = _answers(Path(folder, _SOCKET))
        if answers and "ready" in "".join(later[2:]):
            return Running(int(pid), Path(folder))
        if not answers and not _is_postmaster(int(pid), data):
            return None
        time.sleep(0.05)
    raise EmbeddedError(f"PostgreSQL (pid {pid}) neither serves nor ends. Its log says why: {data}/postgresql.log")


def make(place: Place, durable: bool) -> None:
    """Make the cluster if there is none: under another name, renamed when it is whole, so that no half of it is used.

    The name is new each time: the initdb of a starter that was killed may still be writing to the one before.
    The built-in C.UTF-8 sorts alike on every machine. The superuser gets no password, so it can never log in.
    """
    for left_over in place.home.glob("making-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    if place.data.exists():
        return
    half, password = place.home / f"making-{secrets.token_hex(4)}", secrets.token_hex(24)
    place.make_private(half)
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    speed = () if durable else ("--no-sync",)
    place.must_run("initdb", "-D", half, "--username=postgres", "--auth=reject", "--no-instructions", *locale, *speed)
    place.must_run(
        *("postgres", "--single", "-D", str(half), "-c", "exit_on_error=on", "-c", f"fsync={_on(durable)}", "postgres"),
        stdin=f"CREATE ROLE tongbao LOGIN CREATEDB PASSWORD '{password}'\nCREATE DATABASE tongbao OWNER tongbao\n",
    )
    _write(place.password, password, 0o600)
    half.rename(place.data)


def launch(place: Place, durable: bool) -> Running:
    """Start the server and wait until it is ready. Raises EmbeddedError."""
    if (version := (place.data / "PG_VERSION").read_text().strip()) != MAJOR:
        raise EmbeddedError(
            f"{place.data} was made by PostgreSQL {version}, and this is {MAJOR}. Dump it with the old pg_dump and "
            "restore it into a new folder, or serve it with the old version, its address in TONGBAO_DATABASE_URL."
        )
    configuration, access = place.home / "postgresql.conf", place.home / "pg_hba.conf"
    _write(access, "local all tongbao scram-sha-256\n", 0o644)
    _write(configuration, _settings(place, access, durable), 0o644)
    with suppress(FileNotFoundError):
        if place.log.lstat().st_size > _LARGEST_LOG_BYTES:
            place.log.replace(place.log.with_suffix(".log.1"))
    options = f"-c config_file={shlex.quote(str(configuration))}"
    place.must_run("pg_ctl", "start", "-D", place.data, "-l", place.log, "-o", options, "-t", str(_START_SECONDS))
    if running := find(place.data):
        return running
    raise EmbeddedError(f"PostgreSQL ended as soon as it had started. Its log says why: {place.log}")


def halt(place: Place) -> None:
    """Stop the server: open transactions are rolled back, what is committed is written. Raises EmbeddedError."""
    running = find(place.data)
    if place.run("pg_ctl", "stop", "-D", place.data, "-m", "fast", "-t", "30").returncode:
        place.must_run("pg_ctl", "stop", "-D", place.data, "-m", "immediate", "-t", "10")
    if place.socket.is_symlink():
        shutil.rmtree(place.socket.readlink(), ignore_errors=True)
        place.socket.unlink()
    if running:
        # It has ended, but as nobody's child: where the system is slow to take it off the list of processes, we wait a
        # moment, so that whoever looks after us finds nothing.
        with suppress(psutil.Error):
            psutil.Process(running.pid).wait(_REAPED_SECONDS)


def sweep(place: Place) -> None:
    """After a killed postmaster: let its processes notice and end, kill those that do not, drop its lock files.

    They hold the shared memory: while one of them lives, PostgreSQL will not start on the same data.
    """
    orphans = [process for process in psutil.process_iter(["name", "cmdline"]) if _is_of(place, process.info)]
    if not _are_gone(orphans):
        for process in orphans:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _are_gone(orphans)
    for lock in (place.data / "postmaster.pid", place.socket / f"{_SOCKET}.lock"):
        lock.unlink(missing_ok=True)


def _settings(place: Place, access: Path, durable: bool) -> str:
    values = {
        "listen_addresses": "",
        "port": "5432",  # only names the socket
        "unix_socket_directories": f'"{_socket_folder(place)}"',
        "unix_socket_permissions": "0700",
        "hba_file": str(access),
        "cluster_name": place.cluster_name,
        "max_connections": "200",
        "shared_buffers": "128MB",
        "wal_buffers": "16MB",
        "checkpoint_timeout": "15min",
        "fsync": _on(durable),
        "full_page_writes": _on(durable),
        "synchronous_commit": _on(durable),
        "jit": "off",  # compiling our short statements costs more than running them
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] ",
        # A statement, or the detail of an error, may carry personal data: neither enters the log.
        "log_min_error_statement": "panic",
        "log_error_verbosity": "terse",
        "log_checkpoints": "off",
    }
    return "".join("{} = '{}'\n".format(name, value.replace("'", "''")) for name, value in values.items())


def _on(yes: bool) -> str:
    return "on" if yes else "off"


def _socket_folder(place: Place) -> Path:
    """The folder of the socket: in its home or, if that path is too long, a temporary one that the home links to."""
    if len(os.fsencode(place.socket / _SOCKET)) <= _LONGEST_SOCKET_PATH:
        place.make_private(place.socket)
        return place.socket
    if place.socket.is_symlink():
        if place.is_private(before := place.socket.readlink()):
            return before
        place.socket.unlink()
    short = Path(tempfile.mkdtemp(prefix="tongbao-"))
    place.make_private(short)
    place.socket.symlink_to(short)
    return short


def _answers(path: Path) -> bool:
    """Whether a living server is behind a socket. A dying one still lets us connect, so it must also say something:
    its answer to an SSLRequest (PostgreSQL, "Message Formats") is one byte."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(OSError):
        probe.settimeout(_ANSWER_SECONDS)
        probe.connect(str(path))
        probe.sendall(struct.pack("!ii", 8, 80877103))
        return probe.recv(1) != b""
    return False


def _is_postmaster(pid: int, data: Path) -> bool:
    with suppress(psutil.Error):
        return str(data) in psutil.Process(pid).cmdline()
    return False


def _is_of(place: Place, process: Mapping[str, Any]) -> bool:
    """Whether it is a process of this server. One that is dying has no command line any more, whosever it was."""
    command = process["cmdline"] or [""]
    title = f"postgres: {place.cluster_name}: "
    return process["name"] == "postgres" and (
        command == [""] or command[0].startswith(title) or str(place.data) in command
    )


def _are_gone(processes: Sequence[psutil.Process]) -> bool:
    """Wait for them to end, and say whether they did."""
    deadline = time.monotonic() + _ORPHAN_SECONDS
    while not all(_is_gone(process) for process in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_gone(process: psutil.Process) -> bool:
    """A zombie has let go of everything: it only waits for a parent to look."""
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _write(path: Path, text: str, mode: int) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=mode)
    new.chmod(mode)
    with new.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
