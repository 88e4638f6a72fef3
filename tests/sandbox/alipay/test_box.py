"""What Alipay shares with the rest of the box: faults of the API, the state file, certificates that are no good."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from http.client import RemoteDisconnected
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from tests.sandbox.alipay.client import CREATE, FORM, PAY, PRECREATE, QUERY, REFUND, App, form, letter, new_app, paid
from tests.sandbox.client import Answer, Control, Receiver, exchange
from tests.sandbox.process import started


def asked(app: App, trade: dict[str, object], timeout: float = 10) -> Answer:
    url = f"{app.credentials['base_url']}/gateway.do"
    return exchange(url, "POST", FORM, form(app.public(CREATE, trade)), timeout)


def exists(app: App, trade: dict[str, object]) -> bool:
    return bool(app.ask(QUERY, {"out_trade_no": trade["out_trade_no"]})["code"] == "10000")


def test_too_frequent_a_call_is_not_carried_out(control: Control, app: App) -> None:
    control.put("/faults", alipay={"api": {"rate_limit": 1}})
    trade = app.trade()
    answer = app.ask(CREATE, trade)
    assert (answer["code"], answer["sub_code"]) == ("40005", "isv.method-call-limited")
    control.put("/faults")
    assert not exists(app, trade)


def test_an_unknown_result_may_have_been_carried_out(control: Control, app: App) -> None:
    control.put("/faults", alipay={"api": {"server_error": 1}, "seed": 5})
    trades = [app.trade() for _ in range(12)]
    answers = [asked(app, trade) for trade in trades]
    control.put("/faults")
    assert {answer.status for answer in answers} == {200, 502}
    codes = {answer.json["alipay_trade_create_response"]["code"] for answer in answers if answer.status == 200}
    assert codes == {"20000"}
    assert len({exists(app, trade) for trade in trades}) == 2


def test_a_request_may_be_applied_late(control: Control, app: App) -> None:
    control.put("/faults", alipay={"api": {"apply_late": 1, "delay_seconds": 30}})
    trade = app.trade()
    assert app.ask(CREATE, trade)["sub_code"] == "aop.ACQ.SYSTEM_ERROR"
    control.put("/faults")
    assert not exists(app, trade)
    control.put("/clock", advance_seconds=31)
    deadline = time.monotonic() + 5
    while not exists(app, trade):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_answer_may_never_come(control: Control, app: App) -> None:
    control.put("/faults", alipay={"api": {"accept_then_time_out": 1, "delay_seconds": 0.1}})
    trade = app.trade()
    with pytest.raises((RemoteDisconnected, ConnectionError)):
        asked(app, trade)
    control.put("/faults")
    assert exists(app, trade)


def test_the_dials_of_two_gateways_are_two(control: Control, app: App) -> None:
    control.put("/faults", wechat={"api": {"rate_limit": 1}})
    assert app.ask(CREATE, app.trade())["code"] == "10000"
    assert control.get("/faults")["alipay"]["api"]["rate_limit"] == 0


def test_everything_is_there_after_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    receiver.says = b"not today"
    state = tmp_path / "sandbox.json"
    with started("--state", state) as control:
        app = App.of(control.get("/credentials")["alipay"])
        trade = paid(control, app, notify_url=receiver.url)
        number = {"out_trade_no": trade["out_trade_no"]}
        control.put("/faults", alipay={"refund": {"slow": 1, "seconds": 1}})
        app.ask(REFUND, number | {"refund_amount": "5.00", "out_request_no": "a"})
        offer, unpaid = app.plain(), app.trade(timeout_express="1m")
        app.ask(PRECREATE, offer)
        app.ask(CREATE, unpaid, notify_url=receiver.url)
        auth_code = control.post("/alipay/buyer/code")["auth_code"]
        login = control.post("/alipay/buyer/login")["auth_code"]
        receiver.wait_for(1)
    receiver.says = b"success"
    with started("--state", state) as control:
        again = App.of(control.get("/credentials")["alipay"])
        assert again.credentials["app_private_key_pem"] == app.credentials["app_private_key_pem"]
        assert control.post("/alipay/buyer/scan", out_trade_no=offer["out_trade_no"])["trade_status"] == "TRADE_SUCCESS"
        assert again.ask(PAY, app.plain(auth_code=auth_code))["code"] == "10000"
        exchanged = again.ask("alipay.system.oauth.token", grant_type="authorization_code", code=login)
        assert exchanged["open_id"] == app.credentials["buyer_open_id"]
        control.put("/clock", advance_seconds=300)
        told = {(each["trade_status"], each.get("out_biz_no")) for each in map(letter, receiver.wait_for(4))}
        assert told == {("TRADE_SUCCESS", None), ("TRADE_SUCCESS", "a"), ("TRADE_CLOSED", None)}
        assert control.get("/alipay/book")["balance"] == 1990 - 500 + 2 * 1990


def test_a_reset_forgets_trades_and_keeps_credentials(control: Control, app: App) -> None:
    trade = paid(control, app)
    control.post("/reset")
    assert app.ask(QUERY, {"out_trade_no": trade["out_trade_no"]})["sub_code"] == "ACQ.TRADE_NOT_EXIST"
    assert control.get("/alipay/book")["lines"] == []


def test_a_certificate_of_the_gateway_chains_to_the_root_file(app: App) -> None:
    assert chained(app.credentials)
    app_certificate = x509.load_pem_x509_certificate(app.credentials["app_cert_pem"].encode())
    assert app_certificate.public_key() == app.key.public_key()
    roots = x509.load_pem_x509_certificates(app.credentials["alipay_root_cert_pem"].encode())
    assert len(app.credentials["alipay_root_cert_sn"].split("_")) == len(roots) - 1


@pytest.mark.parametrize("kind", ["expired", "not_yet_valid", "other_chain"])
def test_a_certificate_can_be_no_good(control: Control, kind: str) -> None:
    app = new_app(control)
    renewed = control.put("/alipay/merchants", app_id=app.app_id, renew_certificate=kind)
    leaf = x509.load_pem_x509_certificates(renewed["alipay_cert_pem"].encode())[0]
    now = datetime.now(UTC)
    assert (leaf.not_valid_after_utc < now) == (kind == "expired")
    assert (leaf.not_valid_before_utc > now) == (kind == "not_yet_valid")
    assert chained(renewed) == (kind != "other_chain")


def chained(credentials: Mapping[str, str]) -> bool:
    """Whether leaf, issuer and a root of the file follow from each other."""
    chain = x509.load_pem_x509_certificates(credentials["alipay_cert_pem"].encode())
    roots = x509.load_pem_x509_certificates(credentials["alipay_root_cert_pem"].encode())
    return issued_by(chain[0], chain[1:]) and issued_by(chain[1], roots)


def issued_by(certificate: x509.Certificate, issuers: list[x509.Certificate]) -> bool:
    for issuer in issuers:
        key = issuer.public_key()
        if issuer.subject != certificate.issuer or not isinstance(key, RSAPublicKey):
            continue
        algorithm = certificate.signature_hash_algorithm
        assert algorithm is not None
        try:
            key.verify(certificate.signature, certificate.tbs_certificate_bytes, PKCS1v15(), algorithm)
        except InvalidSignature:
            continue
        return True
    return False


@pytest.mark.parametrize(
    "wish",
    [{"identity": "name"}, {"answers": "poems"}, {"refund_refusal": "no"}, {"renew_certificate": "better"},
     {"forbidden_methods": "all"}, {"app_id": "1"}],
)  # fmt: skip
def test_a_change_that_cannot_be_is_refused_whole(control: Control, app: App, wish: dict[str, object]) -> None:
    before = control.get("/alipay/merchants")
    assert control.ask("PUT", "/alipay/merchants", {"identity": "user_id", **wish}).status in (400, 404)
    assert control.get("/alipay/merchants") == before
