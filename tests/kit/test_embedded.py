"""The embedded PostgreSQL: made once, private, shared, and found again whatever was killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from tongbao.kit import embedded
from tongbao.kit.embedded import place

ROOT = os.geteuid() == 0
only_root = pytest.mark.skipif(not ROOT, reason="only root serves through another user")


@pytest.fixture
def folder(data_folder: Path) -> Iterator[Path]:
    """A folder for a server. Whatever still runs in it at the end is stopped."""
    yield data_folder / "postgres"
    for record in data_folder.rglob("lock"):
        with suppress(embedded.EmbeddedError):
            embedded.stop(record.parent)


def ask(url: str, sql: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode())
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def postmaster(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().split()[0])


def start_elsewhere(folder: Path, then: str) -> subprocess.Popen[str]:
    """Start the folder's server in another process, which prints that it uses it, and goes on with `then`."""
    script = (
        "import os, signal, sys; from pathlib import Path; from tongbao.kit import embedded\n"
        f"server = embedded.start(Path({str(folder)!r}), durable=False)\n"
        f"print(server.use is not None, flush=True)\n{then}\n"
    )
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)


def test_what_was_committed_is_there_at_the_next_start(folder: Path) -> None:
    with embedded.start(folder) as server:
        ask(server.url, "CREATE TABLE kept AS SELECT 7 AS seven")
        assert ask(server.url, "SHOW fsync") == "on"
    assert embedded.status(folder) is None
    with embedded.start(folder, durable=False) as server:
        assert ask(server.url, "SELECT seven FROM kept") == 7
        assert ask(server.url, "SHOW fsync") == "off"


def test_stopping_twice_is_harmless_and_stopping_nothing_says_so(folder: Path) -> None:
    server = embedded.start(folder, durable=False)
    server.stop()
    server.stop()
    assert not embedded.stop(folder)
    assert not embedded.stop(folder / "never")
    assert embedded.status(folder / "never") is None


def test_the_role_owns_its_database_and_is_no_superuser(folder: Path) -> None:
    with embedded.start(folder, durable=False) as server:
        assert ask(server.url, "SELECT usesuper FROM pg_user WHERE usename = current_user") is False
        assert ask(server.url, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'tongbao'") == "tongbao"
        assert ask(server.url, "SHOW timezone") == "UTC"
        assert ask(server.url, "SELECT lower('ÄÖ支付')") == "äö支付"


def test_only_the_password_opens_the_door_and_the_superuser_has_none(folder: Path) -> None:
    with embedded.start(folder, durable=False) as server:
        password = (folder / "password").read_text()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            ask(server.url.replace(password, "guessed"), "SELECT 1")
        with pytest.raises(psycopg.OperationalError, match="no pg_hba"):
            ask(server.url.replace("//tongbao", "//postgres"), "SELECT 1")
        assert (folder / "password").stat().st_mode & 0o777 == 0o600
        assert password not in repr(server)
        assert password not in (embedded.status(folder) or "")


def test_it_listens_on_a_private_socket_and_on_no_port(folder: Path) -> None:
    with embedded.start(folder, durable=False):
        assert psutil.Process(postmaster(folder)).net_connections(kind="inet") == []
        assert (folder / "socket").stat().st_mode & 0o777 == 0o700


@only_root
def test_other_users_cannot_reach_the_socket(folder: Path) -> None:
    with embedded.start(folder, durable=False):
        command: list[str | Path] = ["/bin/sh", "-c", 'test -e "$1"', "sh", folder / "socket" / ".s.PGSQL.5432"]
        assert subprocess.run(command, check=False).returncode == 0
        assert subprocess.run(command, user=12345, group=12345, extra_groups=[], check=False).returncode == 1


def test_processes_that_start_one_folder_share_one_server_and_the_last_stops_it(folder: Path) -> None:
    starters = [start_elsewhere(folder, "sys.stdin.read(); server.stop()") for _ in range(3)]
    assert [starter.stdout.readline().strip() for starter in starters if starter.stdout] == ["True"] * 3
    first = postmaster(folder)
    for starter in starters:
        with embedded.start(folder, durable=False):
            assert postmaster(folder) == first, "one who stopped has taken it from the others"
        starter.communicate()
    assert embedded.status(folder) is None, "nobody uses it, and it runs"


def test_the_server_of_a_killed_user_is_stopped_by_the_next(folder: Path) -> None:
    starter = start_elsewhere(folder, "os.kill(os.getpid(), signal.SIGKILL)")
    starter.communicate()
    first = postmaster(folder)
    with embedded.start(folder, durable=False) as server:
        assert server.use is not None
        assert postmaster(folder) == first
    assert embedded.status(folder) is None


def test_one_user_killed_takes_the_server_from_nobody(folder: Path) -> None:
    killed = start_elsewhere(folder, "sys.stdin.read()")
    other = start_elsewhere(folder, "sys.stdin.read(); server.stop()")
    for starter in (killed, other):
        assert starter.stdout
        starter.stdout.readline()
    killed.kill()
    killed.communicate()
    with embedded.start(folder, durable=False):
        pass
    assert embedded.status(folder) is not None, "a command that came by has stopped it"
    other.communicate()
    assert embedded.status(folder) is None


def test_a_killed_server_is_noticed_by_its_users(folder: Path) -> None:
    with embedded.start(folder, durable=False) as first:
        assert first.is_in_use_and_running()
        os.kill(postmaster(folder), signal.SIGKILL)
        assert not first.is_in_use_and_running()
        with embedded.start(folder, durable=False) as second:
            assert not first.is_in_use_and_running(), "it uses a server that is gone"
            assert second.is_in_use_and_running()


def test_a_kept_server_outlives_whoever_starts_it(folder: Path) -> None:
    command = [sys.executable, "-m", "tongbao.kit.embedded"]
    url = subprocess.run([*command, "start", folder], check=True, capture_output=True, text=True).stdout.strip()
    with embedded.start(folder) as server:
        assert server.url == url
    assert ask(url, "SELECT 1") == 1
    said = subprocess.run([*command, "stop", folder], check=True, capture_output=True, text=True).stdout
    assert said == "stopped\n"
    assert embedded.status(folder) is None


def test_a_killed_postmaster_is_mended_and_nothing_committed_is_lost(folder: Path) -> None:
    first = embedded.start(folder)
    ask(first.url, "CREATE TABLE kept AS SELECT 7 AS seven")
    os.kill(postmaster(folder), signal.SIGKILL)
    with embedded.start(folder) as server:
        assert ask(server.url, "SELECT seven FROM kept") == 7
        first.stop()
        assert embedded.status(folder), "the owner before the crash has stopped the server after it"


def test_a_backend_too_busy_to_notice_the_crash_is_ended(folder: Path) -> None:
    server = embedded.start(folder, durable=False)
    connection = psycopg.connect(server.url)
    busy = connection.info.backend_pid
    query = threading.Thread(target=run_until_killed, args=(connection,))
    query.start()
    os.kill(postmaster(folder), signal.SIGKILL)
    with embedded.start(folder, durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1
        assert not psutil.pid_exists(busy) or psutil.Process(busy).status() == psutil.STATUS_ZOMBIE
    query.join()


def run_until_killed(connection: psycopg.Connection) -> None:
    with suppress(psycopg.Error):
        connection.execute("SELECT count(*) FROM generate_series(1, 1000000000000)")


def test_a_pid_file_that_names_another_process_is_no_obstacle_and_spares_that_process(folder: Path) -> None:
    embedded.start(folder, durable=False)
    killed = postmaster(folder)
    record = folder / "data" / "postmaster.pid"
    recorded = record.read_text()
    os.kill(killed, signal.SIGKILL)
    with subprocess.Popen(["sleep", "60"]) as bystander:
        record.write_text(recorded.replace(str(killed), str(bystander.pid), 1))
        with embedded.start(folder, durable=False) as server:
            assert ask(server.url, "SELECT 1") == 1
        assert bystander.poll() is None
        bystander.kill()


def test_a_path_too_long_for_a_socket_gets_a_short_one_that_survives_a_crash(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    first = embedded.start(deep, durable=False)
    short = (deep / "socket").readlink()
    assert ask(first.url, "SELECT 1") == 1
    os.kill(postmaster(deep), signal.SIGKILL)
    with embedded.start(deep, durable=False) as server:
        assert server.url == first.url
        assert short.stat().st_mode & 0o777 == 0o700
    assert not short.exists()


def test_a_short_folder_that_somebody_else_has_taken_is_not_used(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    embedded.start(deep, durable=False).stop()
    taken = folder / "taken"
    taken.mkdir(mode=0o755)
    (deep / "socket").symlink_to(taken)
    with embedded.start(deep, durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1
        assert (deep / "socket").readlink() != taken


def test_a_start_killed_half_way_leaves_nothing_that_the_next_one_would_use(folder: Path) -> None:
    starter = start_elsewhere(folder, "")
    while not list(folder.glob("making-*/PG_VERSION")):
        assert starter.poll() is None
    starter.kill()
    starter.communicate()
    with embedded.start(folder, durable=False) as server:
        assert ask(server.url, "SELECT 1") == 1
    # The killed one's initdb may write for a moment yet; what it leaves goes with a later start.
    give_up_at = time.monotonic() + 10
    while list(folder.glob("making-*")) and time.monotonic() < give_up_at:
        time.sleep(0.5)
        embedded.start(folder, durable=False).stop()
    assert not list(folder.glob("making-*"))


def test_a_folder_of_another_postgresql_is_refused_with_the_cure(folder: Path) -> None:
    embedded.start(folder, durable=False).stop()
    (folder / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(embedded.EmbeddedError, match=r"made by PostgreSQL 17.*pg_dump"):
        embedded.start(folder)


def test_a_folder_that_cannot_be_made_is_refused_with_the_cure() -> None:
    with pytest.raises(embedded.EmbeddedError, match="TONGBAO_DATABASE_URL"):
        embedded.start(Path("/dev/null/postgres"))


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    (tmp_path / "initdb").write_text("#!/bin/sh\necho 'could not write: No space left on device' >&2\nexit 1\n")
    (tmp_path / "initdb").chmod(0o755)
    with pytest.raises(embedded.EmbeddedError, match="disk is full"), embedded._explained(tmp_path):
        place.Place(tmp_path, tmp_path, None).must_run("initdb")


def test_what_an_error_knows_of_people_stays_out_of_the_log(folder: Path) -> None:
    with embedded.start(folder, durable=False) as server:
        ask(server.url, "CREATE TABLE people (name text PRIMARY KEY)")
        ask(server.url, "INSERT INTO people VALUES ('Zhang San')")
        with pytest.raises(psycopg.errors.UniqueViolation):
            ask(server.url, "INSERT INTO people VALUES ('Zhang San')")
    log = (folder / "data" / "postgresql.log").read_text()
    assert "duplicate key" in log
    assert "Zhang" not in log


@only_root
def test_root_serves_from_a_shelter_where_nobody_can_enter_the_folder(folder: Path) -> None:
    folder.parent.chmod(0o700)
    with embedded.start(folder, durable=False) as server:
        ask(server.url, "CREATE TABLE kept AS SELECT 7 AS seven")
    shelter = Path((folder / "elsewhere").read_text().strip())
    try:
        assert not (folder / "data").exists()
        with embedded.start(folder, durable=False) as server:
            assert ask(server.url, "SELECT seven FROM kept") == 7
    finally:
        shutil.rmtree(shelter)


@only_root
def test_root_copies_programs_that_nobody_can_reach(folder: Path) -> None:
    private = folder.parent / "private"
    private.mkdir(mode=0o700)
    wheel = place._wheel()
    for name in (wheel.name, f"{wheel.name}.libs"):
        (private / name).symlink_to(wheel.parent / name)
    environment = {**os.environ, "PYTHONPATH": str(private)}
    command = [sys.executable, "-m", "tongbao.kit.embedded", "start", str(folder)]
    url = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()
    assert ask(url, "SELECT 1") == 1
    assert str(folder / "programs") in psutil.Process(postmaster(folder)).exe()
