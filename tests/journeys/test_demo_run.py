"""`tongbao demo` as a program: started, stopped, and started where it cannot be."""

from __future__ import annotations

import signal
import subprocess
import urllib.request

import psutil

from tests.channels.sandbox_process import free_ports
from tests.journeys.conftest import Demo


def test_a_start_that_fails_half_way_leaves_nothing(new_demo: Demo) -> None:
    (new_demo.folder / "postgres").write_text("in the way of the database")
    result = new_demo.run()
    assert result.returncode == 1
    assert "PostgreSQL" in result.stderr and "Traceback" not in result.stderr
    (new_demo.folder / "postgres").unlink()
    assert new_demo.leftovers() == []


def test_a_demo_started_again_is_the_same_merchant_and_each_time_leaves_nothing(new_demo: Demo) -> None:
    keys = []
    for number in (signal.SIGINT, signal.SIGTERM):
        process = new_demo.start()
        assert len(new_demo.leftovers()) >= 3, "the demo, its sandbox and its database must be seen while they run"
        keys.append(new_demo.keys())
        new_demo.stop(process, number)
        assert new_demo.leftovers() == []
    assert keys[0] == keys[1]


def test_two_demos_do_not_share_a_folder(new_demo: Demo) -> None:
    process = new_demo.start()
    try:
        other = Demo(new_demo.folder, free_ports(count=7))
        result = other.run("--once")
    finally:
        new_demo.stop(process, signal.SIGINT)
    assert result.returncode == 2
    assert "Another demo is using" in result.stderr


def test_ctrl_c_while_it_starts_leaves_nothing(new_demo: Demo) -> None:
    process = subprocess.Popen(new_demo.command(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not (new_demo.folder / "sandbox.log").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=100)
    assert process.returncode == 0, said
    assert "Everything is stopped" in said and "is ready" not in said
    assert new_demo.leftovers() == []


def test_a_sandbox_that_dies_ends_the_demo_and_is_named(new_demo: Demo) -> None:
    process = new_demo.start()
    sandbox = next(
        child for child in psutil.Process(process.pid).children() if "tongbao_sandbox" in " ".join(child.cmdline())
    )
    sandbox.kill()
    assert process.wait(timeout=30) == 1
    assert "The sandbox ended by itself" in (new_demo.folder / "demo.log").read_text()
    assert new_demo.leftovers() == []


def test_the_shop_is_found_as_people_type_it(new_demo: Demo) -> None:
    process = new_demo.start()
    try:
        with urllib.request.urlopen(f"{new_demo.url}/demo", timeout=10) as answer:
            assert answer.url.endswith("/demo/")
            assert answer.status == 200
    finally:
        new_demo.stop(process, signal.SIGINT)
