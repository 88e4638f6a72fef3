"""PyPI's python-alipay-sdk 3.4.0, unmodified, against our sandbox, in key and in certificate mode."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.foreign.environment import told
from tests.sandbox.client import Control


@pytest.mark.parametrize("mode", ["key", "certificate"])
def test_python_alipay_sdk_is_paid_in_every_way_unmodified(control: Control, foreign_python: Path, mode: str) -> None:
    story = told(foreign_python, "python_alipay_sdk_client.py", control.url, mode)
    ours = control.get("/credentials")["alipay"]
    trade = story["create"]
    assert trade["queried"] == {"code": "10000", "msg": "Success", **trade["paid"]}
    assert trade["queried"]["trade_status"] == "TRADE_SUCCESS"
    assert (trade["refunded"]["fund_change"], trade["refund_queried"]["refund_status"]) == ("Y", "REFUND_SUCCESS")
    assert (trade["refund_told"]["out_biz_no"], trade["refund_told"]["refund_fee"]) == ("half", "9.90")
    assert trade["closed"]["sub_code"] == "ACQ.TRADE_STATUS_ERROR"
    code = story["precreate"]
    assert (code["before"]["sub_code"], code["cancelled"]["action"]) == ("ACQ.TRADE_NOT_EXIST", "refund")
    assert code["cancel_told"]["trade_status"] == "TRADE_CLOSED"
    counter = story["counter"]
    assert (counter["at_once"]["code"], counter["waiting"]["code"]) == ("10000", "10003")
    assert counter["later"]["trade_status"] == "TRADE_SUCCESS"
    assert counter["unknown"]["sub_code"] == "ACQ.PAYMENT_AUTH_CODE_INVALID"
    assert [story[way]["paid"]["trade_status"] for way in ("wap", "page", "app")] == ["TRADE_SUCCESS"] * 3
    assert [story[way]["believed"] for way in ("wap", "page")] == [True] * 2
    assert story["login"]["token"]["open_id"] == story["login"]["profile"]["open_id"] == ours["buyer_open_id"]
    assert "isv.code-invalid" in story["login"]["again"]
    assert story["numbers"] == ([ours["app_cert_sn"], ours["alipay_root_cert_sn"]] if mode == "certificate" else [])
    letters = [trade["told"], trade["refund_told"], code["told"], code["cancel_told"], counter["told"]]
    letters += [counter["later_told"], *(story[way]["told"] for way in ("wap", "page", "app"))]
    assert all(letter["believed"] and not letter["changed_believed"] for letter in letters)
