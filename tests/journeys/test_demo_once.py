"""`tongbao demo --once`: a payment on each phone and at the counter without a browser, and the ports it needs."""

from __future__ import annotations

import re
import socket

import pytest

from tests.journeys.conftest import Demo


def test_once_pays_on_each_phone_and_at_the_counter_gives_a_part_back_and_leaves_nothing(new_demo: Demo) -> None:
    result = new_demo.run("--once")
    assert result.returncode == 0, result.stdout + result.stderr
    ways = re.findall(r"^ord\w+  (\w+: \w+ \w+)$", result.stdout, re.MULTILINE)
    assert ways == ["wechat: wechatpay jsapi", "alipay: alipay create", "counter: alipay code"]
    steps = re.findall(r"^ *(\d+)  \d\d:\d\d:\d\d\.\d{3} +\+\d+\.\d ms  ", result.stdout, re.MULTILINE)
    all_of_them = [str(number) for number in range(1, 13)]
    assert steps[:24] == all_of_them * 2 and set(steps[24:]) >= {"1", "2", "3", "7", "8", "9", "10", "11", "12"}
    assert "clearing:" in result.stdout and "order.paid" in result.stdout
    told = re.findall(r"^  ✓  (refund\.\w+) evt", result.stdout, re.MULTILINE)
    assert told == ["refund.requested", "refund.sent", "refund.succeeded"]
    assert re.search(
        r"^     merchant / refunding  12\.00 CNY\n     refunding / clearing:\w+  12\.00 CNY$", result.stdout, re.M
    )
    assert re.search(r"^  ✓  wechatpay +clearing:\w+  36\.00 = 36\.00$", result.stdout, re.M)
    assert re.search(r"^  ✓  alipay +clearing:\w+  63\.00 = 63\.00$", result.stdout, re.M)
    assert "postings sum to zero" in result.stdout and "✗" not in result.stdout
    assert new_demo.leftovers() == []
    assert (new_demo.folder / "demo.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(("offset", "option"), [(0, "--port"), (2, "--sandbox-base-port")])
def test_an_occupied_port_is_a_clear_error_before_anything_starts(new_demo: Demo, offset: int, option: str) -> None:
    taken = new_demo.port + offset
    with socket.create_server(("127.0.0.1", taken)):
        result = new_demo.run("--once")
    assert result.returncode == 2
    assert f"Port {taken}" in result.stderr and f"choose another with {option}." in result.stderr
    assert "Traceback" not in result.stderr
    assert list(new_demo.folder.iterdir()) == []
