"""Abnormal refunds sent elsewhere, the secrets in such a request, and refunds that outlive a restart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from tests.sandbox.client import Control, Merchant, Receiver
from tests.sandbox.process import started
from tests.sandbox.test_refunds import ended, paid, refusal, state, unhurried

CARD, NAME = "6222021234567890123", "李雷"
CARD_FIELDS = {"bank_account": CARD, "real_name": NAME}


def to_card(merchant: Merchant, refund: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A good request to send an abnormal refund to the buyer's other card."""
    good = {
        "out_refund_no": refund["out_refund_no"],
        "type": "USER_BANK_CARD",
        "bank_type": "ICBC_DEBIT",
        "bank_account": merchant.encrypted(CARD),
        "real_name": merchant.encrypted(NAME),
    }
    return good | changes


@pytest.fixture
def abnormal(control: Control, merchant: Merchant) -> dict[str, Any]:
    """An abnormal refund, as the control API answers it."""
    unhurried(control)
    refund = ended(control, merchant, merchant.refund_of(paid(control, merchant), 500), "ABNORMAL")
    assert isinstance(refund, dict)
    return refund


def test_an_abnormal_refund_goes_to_another_card(
    control: Control, merchant: Merchant, abnormal: dict[str, Any]
) -> None:
    answer = merchant.redirect(abnormal["refund_id"], to_card(merchant, abnormal))
    assert answer.status == 200
    assert answer.json == abnormal | {
        "status": "PROCESSING",
        "channel": "OTHER_BANKCARD",
        "user_received_account": "工商银行借记卡0123",
    }
    again = merchant.redirect(abnormal["refund_id"], to_card(merchant, abnormal))
    assert (again.status, again.json) == (200, answer.json)
    control.put("/clock", offset_seconds=3601)
    control.put("/clock", offset_seconds=0)
    assert state(merchant, abnormal) == "SUCCESS"
    assert control.get("/wechat/book")["balance"] == 1490


def test_an_abnormal_refund_goes_to_the_merchants_own_account(
    control: Control, merchant: Merchant, abnormal: dict[str, Any]
) -> None:
    wish = {"out_refund_no": abnormal["out_refund_no"], "type": "MERCHANT_BANK_CARD"}
    answer = merchant.redirect(abnormal["refund_id"], wish)
    assert (answer.json["status"], answer.json["user_received_account"]) == (
        "PROCESSING",
        "商户基本账户商户结算银行账户",
    )
    assert refusal(merchant.redirect(abnormal["refund_id"], to_card(merchant, abnormal))) == (400, "INVALID_REQUEST")


def test_the_platform_certificate_encrypts_as_well(merchant: Merchant, abnormal: dict[str, Any]) -> None:
    certificate = load_pem_x509_certificate(merchant.credentials["platform_certificate_pem"].encode())
    pem = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    older = Merchant({**merchant.credentials, "certificate_key_pem": pem}, merchant.key)
    fields = {name: older.encrypted(text, "certificate_key_pem") for name, text in CARD_FIELDS.items()}
    wish = to_card(merchant, abnormal, **fields)
    answer = merchant.redirect(abnormal["refund_id"], wish, serial=merchant.credentials["platform_serial"])
    assert answer.status == 200


@pytest.mark.parametrize("serial", ["", "PUB_KEY_ID_01", "merchant_serial", "platform_serial"])
def test_fields_encrypted_for_another_key_than_is_named_are_refused(
    merchant: Merchant, abnormal: dict[str, Any], serial: str
) -> None:
    named = merchant.credentials.get(serial, serial) or " "
    answer = merchant.redirect(abnormal["refund_id"], to_card(merchant, abnormal), serial=named)
    assert refusal(answer) == (400, "PARAM_ERROR")
    assert answer.json["detail"]["field"] == ("/bank_account" if serial == "platform_serial" else "Wechatpay-Serial")
    assert state(merchant, abnormal) == "ABNORMAL"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"bank_account": CARD}, "/bank_account"),
        ({"real_name": NAME}, "/real_name"),
        ({"bank_account": "MTIzNA=="}, "/bank_account"),
        ({"bank_type": "MY_BANK"}, "/bank_type"),
        ({"bank_type": ...}, "/bank_type"),
        ({"bank_account": ...}, "/bank_account"),
        ({"real_name": ...}, "/real_name"),
        ({"type": "CASH"}, "/type"),
        ({"type": ...}, "/type"),
        ({"out_refund_no": ...}, "/out_refund_no"),
    ],
)
def test_a_bad_redirection_is_refused_and_pointed_at(
    merchant: Merchant, abnormal: dict[str, Any], changes: dict[str, Any], field: str
) -> None:
    wish = {name: value for name, value in to_card(merchant, abnormal, **changes).items() if value is not ...}
    answer = merchant.redirect(abnormal["refund_id"], wish)
    assert (*refusal(answer), answer.json["detail"]["field"]) == (400, "PARAM_ERROR", field)
    assert state(merchant, abnormal) == "ABNORMAL"


def test_what_decrypts_to_no_card_number_is_refused(merchant: Merchant, abnormal: dict[str, Any]) -> None:
    wish = to_card(merchant, abnormal, bank_account=merchant.encrypted("my card"))
    assert refusal(merchant.redirect(abnormal["refund_id"], wish)) == (400, "PARAM_ERROR")


def test_only_ones_own_abnormal_refund_can_be_redirected(
    control: Control, merchant: Merchant, abnormal: dict[str, Any]
) -> None:
    other = Merchant.of(control.post("/wechat/merchants"))
    healthy = merchant.refund(merchant.refund_of(paid(control, merchant), 5)).json
    own = {"out_refund_no": abnormal["out_refund_no"], "type": "MERCHANT_BANK_CARD"}
    assert refusal(other.redirect(abnormal["refund_id"], own)) == (404, "RESOURCE_NOT_EXISTS")
    assert refusal(merchant.redirect("50" + "0" * 27, own)) == (404, "RESOURCE_NOT_EXISTS")
    assert refusal(merchant.redirect(healthy["refund_id"], own)) == (400, "INVALID_REQUEST")
    wish = own | {"out_refund_no": healthy["out_refund_no"]}
    assert refusal(merchant.redirect(healthy["refund_id"], wish)) == (400, "INVALID_REQUEST")


def test_an_abnormal_refund_can_be_mended_by_hand(
    control: Control, merchant: Merchant, abnormal: dict[str, Any]
) -> None:
    wish = {"out_refund_no": abnormal["out_refund_no"]}
    assert control.ask("POST", "/wechat/refunds/finish", wish | {"status": "CLOSED"}).status == 409
    assert control.post("/wechat/refunds/finish", **wish, status="SUCCESS")["status"] == "SUCCESS"


def test_no_card_number_or_name_is_kept_or_logged(tmp_path: Path) -> None:
    state_file = tmp_path / "sandbox.json"
    with started("--state", state_file) as control:
        merchant = control.merchant()
        unhurried(control)
        refund = ended(control, merchant, merchant.refund_of(paid(control, merchant), 5), "ABNORMAL")
        assert merchant.redirect(refund["refund_id"], to_card(merchant, refund)).status == 200
        told = str(control.log())
    kept = state_file.read_text()
    assert refund["out_refund_no"] in kept and refund["out_refund_no"] in told
    for secret in (CARD, NAME):
        assert secret not in kept and secret not in told


def test_a_refund_under_way_goes_on_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    state_file = tmp_path / "sandbox.json"
    with started("--state", state_file) as control:
        merchant = control.merchant()
        order = paid(control, merchant)
        unhurried(control, abnormal=1)
        refund = merchant.refund_of(order, 5, notify_url=receiver.url)
        merchant.refund(refund)
        redirected = ended(control, merchant, merchant.refund_of(order, 6), "ABNORMAL")
        merchant.redirect(redirected["refund_id"], to_card(merchant, redirected))
    with started("--state", state_file) as control:
        merchant = control.merchant()
        assert state(merchant, refund) == state(merchant, redirected) == "PROCESSING"
        control.put("/clock", offset_seconds=3601)
        assert receiver.wait_for(1)[0].json["event_type"] == "REFUND.ABNORMAL"
        control.put("/clock", offset_seconds=0)
        assert (state(merchant, refund), state(merchant, redirected)) == ("ABNORMAL", "SUCCESS")
        assert control.get("/wechat/book")["balance"] == 1984
        assert merchant.query(order["out_trade_no"]).json["trade_state"] == "REFUND"
