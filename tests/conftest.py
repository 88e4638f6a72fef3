"""What every test may ask for: a PostgreSQL of its own, and a browser."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest

from tongbao.kit import embedded, migrate
from tools import chromium

FreshDatabase = Callable[[], AbstractContextManager[str]]


def pytest_configure() -> None:
    """A run that is told to end (a time limit, a cancelled job) ends like one interrupted: it stops what it started."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


@contextmanager
def _open_folder() -> Iterator[Path]:
    """Unlike pytest's own folders one that anybody can enter: under root, PostgreSQL runs as `nobody`."""
    folder = Path(tempfile.mkdtemp(prefix="tongbao-tests-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def data_folder() -> Iterator[Path]:
    """A folder for one test in which an embedded PostgreSQL, or the whole of Tongbao, can live."""
    with _open_folder() as folder:
        yield folder


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL for this test session alone, not durable. Its database `tongbao` carries the migrated schema; it is
    the template of all others, so nobody else may be connected to it."""
    with _open_folder() as folder, embedded.start(folder / "postgres", durable=False) as running:
        migrate.apply(running.url)
        yield running.url


@pytest.fixture(scope="session")
def fresh_database(postgres_url: str) -> FreshDatabase:
    """`with fresh_database() as url:` gives a migrated, empty database for as long as the block lasts."""
    numbers = itertools.count(1)

    @contextmanager
    def fresh() -> Iterator[str]:
        name = f"test_{next(numbers)}"
        with psycopg.connect(_other(postgres_url, "postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE tongbao STRATEGY file_copy".encode())
            yield _other(postgres_url, name)
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    return fresh


@pytest.fixture
def database_url(fresh_database: FreshDatabase) -> Iterator[str]:
    """A migrated, empty database for one test."""
    with fresh_database() as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(fresh_database: FreshDatabase) -> Iterator[str]:
    """A migrated, empty database for all tests of a module."""
    with fresh_database() as url:
        yield url


@pytest.fixture(scope="session")
def chromium_path() -> Path:
    """A Chromium that runs, for `tools.chromium.ARGUMENTS`. Without one the test is skipped; with CI=true it fails."""
    path = chromium.find()
    if path is None:
        say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        say("NO BROWSER: this journey needs Chromium; `python tools/chromium.py` fetches one")
    return path


def _other(url: str, database: str) -> str:
    return url.replace("/tongbao?", f"/{database}?")
