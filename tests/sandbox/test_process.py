"""The sandbox as a program: starting, stopping, ports, and the state file."""

from __future__ import annotations

import json
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.client import Control, Merchant, Receiver, exchange
from tests.sandbox.process import started
from tools.programs import free_ports


def run(*options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tongbao_sandbox", *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_an_occupied_port_is_named_with_the_cure(offset: int) -> None:
    base_port = free_ports(count=4)
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", base_port + offset))
        squatter.listen()
        ended = run("--base-port", str(base_port))
    assert ended.returncode == 2
    assert f"port {base_port + offset} " in ended.stderr
    assert "--base-port" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_it_is_up_in_a_moment() -> None:
    before = time.monotonic()
    with started() as control:
        assert control.get("/credentials")
        assert time.monotonic() - before < 5


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_even_with_requests_and_deliveries_under_way(number: signal.Signals) -> None:
    base_port = free_ports(count=4)
    command = [sys.executable, "-m", "tongbao_sandbox", "--base-port", str(base_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stderr is not None
        assert process.stdout.readline() == f"control: http://127.0.0.1:{base_port}\n"
        control = Control(f"http://127.0.0.1:{base_port}")
        merchant = control.merchant()
        order = merchant.order()
        merchant.create(order)
        control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"])
        control.faults(api={"accept_then_time_out": 1})
        with socket.create_connection(("127.0.0.1", base_port + 1)) as hanging:
            path, lines = "/v3/certificates", "Host: x\r\nAccept: */*\r\nUser-Agent: x\r\n"
            claim = ",".join(f'{name}="{value}"' for name, value in merchant.claim("GET", path, b"").items())
            head = f"GET {path} HTTP/1.1\r\n{lines}Authorization: WECHATPAY2-SHA256-RSA2048 {claim}\r\n\r\n"
            hanging.sendall(head.encode())
            time.sleep(0.1)
            process.send_signal(number)
            assert process.wait(5) == 0
        assert process.stderr.read() == ""


def test_the_state_file_brings_everything_back(tmp_path: Path, receiver: Receiver) -> None:
    receiver.reply = lambda letter: 500
    state = tmp_path / "sandbox.json"
    with started("--state", state) as control:
        before = everything(control)
        merchant = control.merchant()
        paid, open_order = merchant.order(notify_url=receiver.url), merchant.order()
        merchant.create(paid)
        prepay_id = merchant.create(open_order).json["prepay_id"]
        control.post("/wechat/buyer/pay", out_trade_no=paid["out_trade_no"])
        code = control.post("/wechat/buyer/login", appid=merchant.credentials["appid"])["code"]
        control.put("/clock", offset_seconds=3)
        control.faults(notify={"repeat": 0.5})
        receiver.wait_for(1)
        transaction, book = merchant.query(paid["out_trade_no"]).json, control.get("/wechat/book")
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["sandbox.json"]
    receiver.reply = lambda letter: 204
    with started("--state", state) as control:
        again = control.merchant()
        kept = {name for name in before if not name.endswith("base_url")}
        assert {name: again.credentials[name] for name in kept} == {name: before[name] for name in kept}
        assert again.query(paid["out_trade_no"]).json == transaction
        assert control.get("/wechat/book") == book
        assert control.get("/clock")["offset_seconds"] == 3
        assert control.get("/faults")["wechat"]["notify"]["repeat"] == 0.5
        control.put("/clock", advance_seconds=15)
        assert len(receiver.wait_for(2)) == 2
        assert control.post("/wechat/buyer/pay", prepay_id=prepay_id)["trade_state"] == "SUCCESS"
        assert "openid" in code_exchanged(again, code)


def test_the_state_survives_a_kill_but_for_the_last_seconds(tmp_path: Path) -> None:
    state, base_port = tmp_path / "sandbox.json", free_ports(count=4)
    command = [sys.executable, "-m", "tongbao_sandbox", "--base-port", str(base_port), "--state", str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        control = Control(f"http://127.0.0.1:{base_port}")
        merchant = control.merchant()
        order = merchant.order()
        merchant.create(order)
        deadline = time.monotonic() + 10
        while order["out_trade_no"] not in state.read_text() and time.monotonic() < deadline:
            time.sleep(0.1)
        process.kill()
    saved = json.loads(state.read_text())["gateways"]["wechat"]
    assert [kept["out_trade_no"] for kept in saved["orders"]] == [order["out_trade_no"]]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"version": 99}'])
def test_an_unreadable_state_file_is_refused_and_left_alone(tmp_path: Path, content: str) -> None:
    state = tmp_path / "sandbox.json"
    state.write_text(content)
    ended = run("--base-port", str(free_ports(count=4)), "--state", str(state))
    assert ended.returncode == 2
    assert "start afresh" in ended.stderr
    assert state.read_text() == content


def test_the_clock_offset_option_moves_the_clock() -> None:
    with started("--clock-offset", "-1000") as control:
        assert control.get("/clock")["offset_seconds"] == -1000
        merchant = control.merchant()
        assert merchant.call("GET", "/v3/certificates").status == 401


def everything(control: Control) -> dict[str, Any]:
    return dict(control.merchant().credentials)


def code_exchanged(merchant: Merchant, code: str) -> Any:
    app = f"appid={merchant.credentials['appid']}&secret={merchant.credentials['app_secret']}"
    query = f"{app}&js_code={code}&grant_type=authorization_code"
    return exchange(f"{merchant.credentials['miniprogram_base_url']}/sns/jscode2session?{query}", "GET", {}).json
