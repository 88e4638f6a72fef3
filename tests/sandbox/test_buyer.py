"""The pretend buyer, and the money book that is written when they pay."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from tests.sandbox.client import Control, Merchant, Receiver


def created(merchant: Merchant, **changes: Any) -> tuple[dict[str, Any], str]:
    order = merchant.order(**changes)
    answer = merchant.create(order)
    assert answer.status == 200, answer.body
    return order, answer.json["prepay_id"]


def pay_sheet(merchant: Merchant, prepay_id: str, **lies: str) -> dict[str, str]:
    """What a merchant's server gives `wx.requestPayment`."""
    sheet = {"timeStamp": "1554208460", "nonceStr": "593BEC0C", "package": f"prepay_id={prepay_id}", "signType": "RSA"}
    lines = (merchant.credentials["appid"], sheet["timeStamp"], sheet["nonceStr"], sheet["package"])
    message = "".join(f"{line}\n" for line in lines).encode()
    sheet["paySign"] = base64.b64encode(merchant.key.sign(message, PKCS1v15(), SHA256())).decode()
    return sheet | lies


@pytest.mark.parametrize("by", ["prepay_id", "out_trade_no", "pay sheet"])
def test_an_order_can_be_paid_by_any_of_its_names(control: Control, merchant: Merchant, by: str) -> None:
    order, prepay_id = created(merchant)
    names = {
        "prepay_id": {"prepay_id": prepay_id},
        "out_trade_no": {"out_trade_no": order["out_trade_no"]},
        "pay sheet": pay_sheet(merchant, prepay_id),
    }
    paid = control.post("/wechat/buyer/pay", **names[by])
    assert (paid["trade_state"], paid["out_trade_no"]) == ("SUCCESS", order["out_trade_no"])


@pytest.mark.parametrize(
    "lie", [{"timeStamp": "1554208461"}, {"nonceStr": "x"}, {"signType": "MD5"}, {"paySign": "AAAA"}, {"paySign": ""}]
)
def test_a_pay_sheet_that_is_wrongly_signed_does_not_open(
    control: Control, merchant: Merchant, lie: dict[str, str]
) -> None:
    order, prepay_id = created(merchant)
    answer = control.ask("POST", "/wechat/buyer/pay", pay_sheet(merchant, prepay_id, **lie))
    assert (answer.status, answer.json["code"]) == (409, "PAY_SIGN_INVALID")
    assert merchant.query(order["out_trade_no"]).json["trade_state"] == "NOTPAY"


def test_an_older_prepay_id_still_pays(control: Control, merchant: Merchant) -> None:
    order, first = created(merchant)
    merchant.create(order)
    assert control.post("/wechat/buyer/pay", prepay_id=first)["trade_state"] == "SUCCESS"


@pytest.mark.parametrize("wish", [{"prepay_id": "wx0"}, {"out_trade_no": "never123"}, {"out_trade_no": 7}])
def test_an_unknown_order_cannot_be_paid(control: Control, wish: dict[str, Any]) -> None:
    answer = control.ask("POST", "/wechat/buyer/pay", wish)
    assert (answer.status, answer.json["code"]) == (404, "ORDER_NOT_EXIST")


def test_a_payment_of_nothing_in_particular_is_refused(control: Control) -> None:
    assert control.ask("POST", "/wechat/buyer/pay", {}).status == 400


def test_a_closed_order_cannot_be_paid(control: Control, merchant: Merchant) -> None:
    order, prepay_id = created(merchant)
    merchant.close(order["out_trade_no"])
    answer = control.ask("POST", "/wechat/buyer/pay", {"prepay_id": prepay_id})
    assert (answer.status, answer.json["code"]) == (409, "ORDER_CLOSED")
    assert control.get("/wechat/book")["balance"] == 0


@pytest.mark.parametrize(
    ("verb", "reason"), [("abandon", "cancelled by the buyer"), ("fail", "insufficient balance"), ("fail", "wrong PIN")]
)
def test_abandoning_changes_nothing_and_is_logged(control: Control, merchant: Merchant, verb: str, reason: str) -> None:
    order, prepay_id = created(merchant)
    wish = {"prepay_id": prepay_id} | ({"reason": reason} if reason == "wrong PIN" else {})
    assert control.post(f"/wechat/buyer/{verb}", **wish)["trade_state"] == "NOTPAY"
    (entry,) = control.log(kind="buyer", out_trade_no=order["out_trade_no"])
    assert entry["verdict"] == reason
    assert control.post("/wechat/buyer/pay", prepay_id=prepay_id)["trade_state"] == "SUCCESS"


def test_the_book_has_one_line_for_each_payment(control: Control, merchant: Merchant) -> None:
    (first, _), (second, _), _ = created(merchant), created(merchant, amount={"total": 5}), created(merchant)
    paid = [control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"]) for order in (first, second)]
    book = control.get("/wechat/book")
    assert (book["mchid"], book["currency"], book["balance"]) == (merchant.mchid, "CNY", 1995)
    assert book["lines"] == [
        {
            "at": transaction["success_time"],
            "kind": "payment",
            "out_trade_no": transaction["out_trade_no"],
            "transaction_id": transaction["transaction_id"],
            "amount": amount,
            "balance": balance,
        }
        for transaction, amount, balance in zip(paid, (1990, 5), (1990, 1995), strict=True)
    ]


def test_each_merchant_has_a_book_of_its_own(control: Control, merchant: Merchant) -> None:
    other = Merchant.of(control.post("/wechat/merchants"))
    order, _ = created(other)
    control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"])
    assert control.get("/wechat/book", mchid=other.mchid)["balance"] == 1990
    assert control.get("/wechat/book", mchid=merchant.mchid)["lines"] == []
    assert control.ask("GET", "/wechat/book?mchid=1").status == 404


def test_paying_twice_moves_the_money_once_and_notifies_twice(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    _, prepay_id = created(merchant, notify_url=receiver.url)
    answer = control.post("/wechat/buyer/pay-twice", prepay_id=prepay_id)
    assert answer["trade_state"] == "SUCCESS"
    assert answer["second"]["code"] == "ORDER_PAID"
    letters = receiver.wait_for(2)
    transactions = [merchant.opened(letter.json["resource"]) for letter in letters]
    assert transactions[0] == transactions[1]
    assert control.get("/wechat/book")["balance"] == 1990
    assert control.ask("POST", "/wechat/buyer/pay", {"prepay_id": prepay_id}).json["code"] == "ORDER_PAID"
