"""Somebody else's SDK, unmodified, against our sandbox: the proof that we did not misread the protocol twice alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.foreign.environment import told
from tests.sandbox.client import Control


@pytest.mark.parametrize("mode", ["certificate", "public_key"])
def test_wechatpayv3_pays_and_refunds_unmodified(control: Control, foreign_python: Path, mode: str) -> None:
    story = told(foreign_python, "wechatpayv3_client.py", control.url, mode)
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


@pytest.mark.parametrize("mode", ["certificate", "public_key"])
def test_wechatpayv3_is_paid_in_every_other_way_unmodified(control: Control, foreign_python: Path, mode: str) -> None:
    story = told(foreign_python, "wechatpayv3_methods.py", control.url, mode)
    for method, trade_type in (("native", "NATIVE"), ("h5", "MWEB"), ("app", "APP")):
        payment = story[method]
        assert (payment["order"][0], payment["paid"]["trade_type"]) == (200, trade_type)
        assert payment["callback"]["resource"] == payment["paid"] == json.loads(payment["query"][1])
        assert payment["refund"][0] == 200
        assert payment["refund_told"]["resource"]["refund_status"] == "SUCCESS"
    check_payment_codes(story["codes"])


def check_payment_codes(story: dict[str, Any]) -> None:
    at_once = json.loads(story["at_once"][1])
    assert (at_once["trade_state"], at_once["trade_type"]) == ("SUCCESS", "MICROPAY")
    assert story["reversed"][0] == story["given_up"][0] == 200
    assert (story["asked"][0], json.loads(story["asked"][1])["code"]) == (202, "USERPAYING")
    assert (story["refused"][0], json.loads(story["refused"][1])["code"]) == (403, "NOT_ENOUGH")
    steps = ("after_reversal", "waiting", "answered", "never")
    states = [json.loads(story[step][1])["trade_state"] for step in steps]
    assert states == ["REVOKED", "USERPAYING", "SUCCESS", "REVOKED"]


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
