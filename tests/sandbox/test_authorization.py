"""Who may ask, and how a stranger is turned away."""

from __future__ import annotations

import json
import time

import pytest

from tests.sandbox.client import JSAPI, Control, Merchant, authorization, with_credentials

CERTIFICATES = "/v3/certificates"


def test_a_wrong_signature_gets_the_real_401_body(merchant: Merchant) -> None:
    body = json.dumps(merchant.order(), ensure_ascii=False).encode()
    claim = merchant.claim("POST", JSAPI, body + b" ")
    answer = merchant.send("POST", JSAPI, body, authorization(claim))
    head = f"POST\n{JSAPI}\n{claim['timestamp']}\n{claim['nonce_str']}\n"
    information = {
        "method": "POST",
        "sign_message_length": len(head.encode()) + len(body) + 1,
        "truncated_sign_message": head + '{"appid"\n',
        "url": JSAPI,
    }
    assert answer.status == 401
    assert answer.number == 268443699
    assert answer.json == {
        "code": "SIGN_ERROR",
        "detail": {
            "detail": {"issue": "sign not match"},
            "field": "signature",
            "location": "authorization",
            "sign_information": information,
        },
        "message": "签名错误，请检查后再试",
    }
    assert merchant.proves(answer.headers, answer.body)


def test_the_message_length_of_a_certificates_request_is_the_published_66(merchant: Merchant) -> None:
    claim = merchant.claim("GET", "/v3/other", b"")
    answer = merchant.send("GET", CERTIFICATES, b"", authorization(claim))
    assert answer.json["detail"]["sign_information"]["sign_message_length"] == 66


def test_the_body_is_signed_as_bytes_not_as_json(merchant: Merchant) -> None:
    order = merchant.order()
    spaced = json.dumps(order, indent=1, ensure_ascii=True).replace("/", "\\/").encode()
    assert merchant.call("POST", JSAPI, spaced).status == 200
    claim = merchant.claim("POST", JSAPI, spaced)
    same_value = json.dumps(order).encode()
    assert merchant.send("POST", JSAPI, same_value, authorization(claim)).status == 401


def test_the_query_is_signed_as_it_is_on_the_wire(merchant: Merchant) -> None:
    order = merchant.order(out_trade_no=f"a|b*c-{time.time_ns()}")
    merchant.create(order)
    quoted = order["out_trade_no"].replace("|", "%7C").replace("*", "%2a")
    path = f"/v3/pay/transactions/out-trade-no/{quoted}?mchid={merchant.mchid}"
    assert merchant.call("GET", path).json["out_trade_no"] == order["out_trade_no"]
    unquoted = path.replace("%2a", "*")
    assert merchant.send("GET", path, b"", authorization(merchant.claim("GET", unquoted, b""))).status == 401


@pytest.mark.parametrize("skew_seconds", [-301, 301, -86400])
def test_a_clock_five_minutes_off_is_refused(merchant: Merchant, skew_seconds: int) -> None:
    stamp = str(int(time.time()) + skew_seconds + (1 if skew_seconds > 0 else -1))
    claim = merchant.claim("GET", CERTIFICATES, b"", timestamp=stamp)
    answer = merchant.send("GET", CERTIFICATES, b"", authorization(claim))
    assert (answer.status, answer.json["code"]) == (401, "SIGN_ERROR")
    assert answer.json["detail"]["detail"]["issue"] == "timestamp out of range"


@pytest.mark.parametrize("skew_seconds", [-290, 290])
def test_a_clock_less_than_five_minutes_off_is_accepted(merchant: Merchant, skew_seconds: int) -> None:
    claim = merchant.claim("GET", CERTIFICATES, b"", timestamp=str(int(time.time()) + skew_seconds))
    assert merchant.send("GET", CERTIFICATES, b"", authorization(claim)).status == 200


def test_the_clock_rule_follows_the_sandbox_clock(control: Control, merchant: Merchant) -> None:
    control.put("/clock", offset_seconds=3600)
    assert merchant.call("GET", CERTIFICATES).status == 401
    claim = merchant.claim("GET", CERTIFICATES, b"", timestamp=str(int(time.time()) + 3600))
    answer = merchant.send("GET", CERTIFICATES, b"", authorization(claim))
    assert answer.status == 200
    assert abs(int(answer.headers["wechatpay-timestamp"]) - time.time() - 3600) < 5


@pytest.mark.parametrize(
    "spoil",
    [
        lambda header: header.replace('"', "'"),
        lambda header: header.replace("WECHATPAY2-SHA256-RSA2048", "WECHATPAY2-SM2-WITH-SM3"),
        lambda header: header.replace("nonce_str", "nonce"),
        lambda header: header.replace(",nonce_str=", ",mchid="),
        lambda header: header.replace(",", ", "),
        lambda header: header + ',extra="1"',
        lambda header: header[:-1],
        lambda header: "",
        lambda header: "Bearer abc",
    ],
    ids=["single quotes", "scheme", "key name", "key twice", "spaces", "sixth pair", "cut short", "empty", "bearer"],
)
def test_an_unreadable_authorization_header_is_refused(merchant: Merchant, spoil: object) -> None:
    assert callable(spoil)
    header = spoil(authorization(merchant.claim("GET", CERTIFICATES, b"")))
    answer = merchant.send("GET", CERTIFICATES, b"", header)
    assert (answer.status, answer.json["code"]) == (401, "SIGN_ERROR")
    information = answer.json["detail"]["sign_information"]
    assert (information["method"], information["url"]) == ("", "")
    assert "wechatpay-signature" not in answer.headers


def test_the_pairs_may_come_in_any_order(merchant: Merchant) -> None:
    claim = merchant.claim("GET", CERTIFICATES, b"")
    assert merchant.send("GET", CERTIFICATES, b"", authorization(dict(reversed(claim.items())))).status == 200


def test_another_certificates_serial_is_refused(merchant: Merchant) -> None:
    answer = with_credentials(merchant, merchant_serial="A" * 40).call("GET", CERTIFICATES)
    assert (answer.status, answer.json["code"], answer.json["message"]) == (401, "SIGN_ERROR", "商户证书序列号有误")


def test_an_unknown_merchant_is_refused(merchant: Merchant) -> None:
    answer = with_credentials(merchant, mchid="1900000000").call("GET", CERTIFICATES)
    assert (answer.status, answer.json["code"]) == (400, "MCH_NOT_EXISTS")


def test_another_merchants_key_does_not_open_the_door(control: Control, merchant: Merchant) -> None:
    other = Merchant.of(control.post("/wechat/merchants"))
    impostor = with_credentials(other, mchid=merchant.mchid, merchant_serial=merchant.credentials["merchant_serial"])
    assert impostor.call("GET", CERTIFICATES).status == 401


@pytest.mark.parametrize("mchid", ["body", "query"])
def test_the_merchant_in_the_header_must_be_the_one_in_the_request(
    control: Control, merchant: Merchant, mchid: str
) -> None:
    other = Merchant.of(control.post("/wechat/merchants"))
    order = merchant.order()
    merchant.create(order)
    path = f"/v3/pay/transactions/out-trade-no/{order['out_trade_no']}?mchid={merchant.mchid}"
    answer = other.create(order) if mchid == "body" else other.call("GET", path)
    assert (answer.status, answer.json["code"]) == (400, "PARAM_ERROR")
    assert "mchid" in answer.json["message"]


@pytest.mark.parametrize("missing", ["Accept", "User-Agent"])
def test_a_request_without_the_required_headers_is_refused(merchant: Merchant, missing: str) -> None:
    answer = merchant.call("GET", CERTIFICATES, headers={missing: None})
    assert (answer.status, answer.json["code"]) == (400, "PARAM_ERROR")


def test_a_body_that_is_not_declared_json_is_refused(merchant: Merchant) -> None:
    answer = merchant.call("POST", JSAPI, merchant.order(), headers={"Content-Type": "text/plain"})
    assert (answer.status, answer.json["code"]) == (400, "PARAM_ERROR")


def test_unknown_paths_and_methods_have_error_bodies(merchant: Merchant) -> None:
    unknown, method = merchant.call("GET", "/v3/nothing"), merchant.call("GET", JSAPI)
    assert (unknown.status, unknown.json["code"]) == (404, "RESOURCE_NOT_EXISTS")
    assert method.status == 405
    assert set(method.json) >= {"code", "message"}


def test_a_body_over_a_megabyte_is_refused(merchant: Merchant) -> None:
    assert merchant.call("POST", JSAPI, b'"' + b"a" * 1_100_000 + b'"').status == 413


@pytest.mark.parametrize("stray", [b"\xff", "中".encode(), "²".encode()], ids=["no UTF-8", "Chinese", "odd digit"])
def test_stray_bytes_in_the_header_are_a_refusal_like_any_other(merchant: Merchant, stray: bytes) -> None:
    serial = merchant.credentials["merchant_serial"]
    pairs = {"mchid": merchant.mchid, "nonce_str": "?", "timestamp": "?", "serial_no": serial, "signature": "?"}
    header = authorization(pairs).replace("?", stray.decode("latin-1"))
    answer = merchant.send("GET", CERTIFICATES, b"", header)
    assert (answer.status, answer.json["code"]) == (401, "SIGN_ERROR")
