"""Somebody else's SDK, unmodified, against our sandbox: the proof that we did not misread the protocol twice alike."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.client import Control
from tests.sandbox.process import started

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements" / "foreign.txt"
ENVIRONMENT = ROOT / ".cache" / "foreign"


@pytest.fixture(scope="module")
def foreign_python() -> Path:
    """An interpreter that has the SDK, in an environment of its own, made anew when the requirements change."""
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "requirements.sha256"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        uv = [sys.executable, "-m", "uv"]
        subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(ENVIRONMENT)], check=True)
        install = [*uv, "pip", "install", "--quiet", "--python", str(python), "--require-hashes"]
        subprocess.run([*install, "-r", str(REQUIREMENTS)], check=True)
        stamp.write_text(wanted)
    return python


@pytest.fixture(scope="module")
def control() -> Iterator[Control]:
    with started() as control:
        yield control


@pytest.mark.parametrize("mode", ["certificate", "public_key"])
def test_wechatpayv3_pays_and_refunds_unmodified(control: Control, foreign_python: Path, mode: str) -> None:
    command = [str(foreign_python), str(Path(__file__).with_name("wechatpayv3_client.py")), control.url, mode]
    environment = os.environ | {"NO_PROXY": "127.0.0.1"}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert ended.returncode == 0, ended.stderr
    story = json.loads(ended.stdout)
    transaction = story["paid"]
    assert (transaction["out_trade_no"], transaction["trade_state"]) == (story["out_trade_no"], "SUCCESS")
    assert story["prepay"][0] == 200
    assert story["callback"]["event_type"] == "TRANSACTION.SUCCESS"
    assert story["callback"]["resource"] == transaction
    assert story["tampered"] is None
    for status, body in (story["query"], story["query_by_transaction"]):
        assert (status, json.loads(body)) == (200, transaction)
    assert story["close_paid"][0] == 400
    assert json.loads(story["close_paid"][1])["code"] == "ORDER_PAID"
    assert story["close"] == [204, 0]
    assert json.loads(story["closed"][1])["trade_state"] == "CLOSED"
    signer = {"certificate": "platform_serial", "public_key": "platform_public_key_id"}[mode]
    assert story["signed_by"] == control.merchant().credentials[signer]
    check_refunds(story)
    assert story["certificates"] == ([story["signed_by"]] if mode == "certificate" else [])


def check_refunds(story: dict[str, Any]) -> None:
    status, taken_on = story["refund"][0], json.loads(story["refund"][1])
    assert (status, taken_on["status"], taken_on["amount"]["refund"]) == (200, "PROCESSING", 500)
    told = story["refund_told"]["resource"]
    assert (story["refund_told"]["event_type"], told["refund_status"]) == ("REFUND.SUCCESS", "SUCCESS")
    queried = json.loads(story["refund_query"][1])
    assert queried == taken_on | {"status": "SUCCESS", "success_time": told["success_time"]}
    assert told["refund_id"] == queried["refund_id"]
    assert json.loads(story["query_after_refund"][1])["trade_state"] == "REFUND"
    assert story["abnormal_told"]["event_type"] == "REFUND.ABNORMAL"
    assert json.loads(story["redirected"][1])["user_received_account"] == "工商银行借记卡0123"
    assert story["redirected_told"]["resource"]["refund_status"] == "SUCCESS"
    code = json.loads(story["unknown_refund"][1])["code"]
    assert (story["unknown_refund"][0], code) == (404, "RESOURCE_NOT_EXISTS")
