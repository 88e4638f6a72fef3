from __future__ import annotations

import json

import pytest

from tongbao.channels.wechatpay.errors import CODES, is_no_for_now, read_error, sort_answer
from tongbao.kit.errors import Rejected, Unavailable, Uncertain, Untrusted

UNSIGNED = Untrusted("signature_missing")
WRONG = Untrusted("signature_wrong")


def error_body(code: str) -> bytes:
    return json.dumps({"code": code, "message": "为什么"}).encode()


SORTED = [
    # (status, code, what a proven answer means, what an unproven one means)
    (202, "USERPAYING", Uncertain, Uncertain),
    (400, "PARAM_ERROR", Rejected, Untrusted),
    (400, "INVALID_REQUEST", Rejected, Untrusted),
    (400, "APPID_MCHID_NOT_MATCH", Rejected, Untrusted),
    (400, "ORDER_CLOSED", Rejected, Untrusted),
    (400, "ORDER_PAID", Rejected, Untrusted),
    (400, "USERPAYING", Uncertain, Uncertain),
    (401, "SIGN_ERROR", Rejected, Rejected),
    (401, "SOMETHING_ELSE", Rejected, Untrusted),
    (403, "RULE_LIMIT", Rejected, Untrusted),
    (403, "REQUEST_BLOCKED", Rejected, Untrusted),
    (403, "OUT_TRADE_NO_USED", Rejected, Untrusted),
    (404, "ORDER_NOT_EXIST", Rejected, Untrusted),
    (404, "RESOURCE_NOT_EXISTS", Rejected, Untrusted),
    (405, "METHOD_NOT_ALLOWED", Rejected, Untrusted),
    (429, "FREQUENCY_LIMITED", Unavailable, Unavailable),
    (429, "RATELIMIT_EXCEEDED", Unavailable, Unavailable),
    (403, "FREQUENCY_LIMITED", Unavailable, Unavailable),
    (400, "SYSTEM_ERROR", Uncertain, Uncertain),
    (500, "SYSTEM_ERROR", Uncertain, Uncertain),
    (500, "BANK_ERROR", Uncertain, Uncertain),
    (500, "BIZ_ERR_NEED_RETRY", Uncertain, Uncertain),
    (500, "OPENID_MISMATCH", Rejected, Untrusted),
    (500, "INVALID_TRANSACTIONID", Rejected, Untrusted),
    (502, "SYSTEM_ERROR", Uncertain, Uncertain),
    (503, "SYSTEM_ERROR", Uncertain, Uncertain),
    (302, "MOVED", Uncertain, Uncertain),
]


@pytest.mark.parametrize(("status", "code", "proven", "unproven"), SORTED)
def test_every_answer_is_sorted_by_what_to_do_next(
    status: int, code: str, proven: type[Exception], unproven: type[Exception]
) -> None:
    error = sort_answer(status, error_body(code), None)
    assert (type(error), error and error.code, error and error.http_status) == (proven, code, status)
    assert type(sort_answer(status, error_body(code), UNSIGNED)) is unproven
    assert type(sort_answer(status, error_body(code), WRONG)) is unproven


REFUND_REFUSED = [
    # (status, code, what a proven answer to a refund means, whether the merchant can mend it)
    (400, "PARAM_ERROR", Rejected, False),
    (400, "INVALID_REQUEST", Rejected, False),
    (400, "MCH_NOT_EXISTS", Rejected, True),
    (404, "MCH_NOT_EXISTS", Rejected, True),
    (401, "SIGN_ERROR", Rejected, True),
    (403, "NO_AUTH", Rejected, True),
    (403, "NOT_ENOUGH", Rejected, True),
    (403, "NOTENOUGH", Rejected, True),
    (403, "RULE_LIMIT", Rejected, True),
    (403, "REQUEST_BLOCKED", Rejected, True),
    (403, "USER_ACCOUNT_ABNORMAL", Rejected, False),
    (403, "A_NEW_CODE", Rejected, False),
    (404, "RESOURCE_NOT_EXISTS", Rejected, False),
    (429, "FREQUENCY_LIMITED", Uncertain, None),
    (429, "malformed", Uncertain, None),
    (400, "RATELIMIT_EXCEEDED", Uncertain, None),
    (400, "FREQUENCYLIMITED", Uncertain, None),
    (500, "SYSTEM_ERROR", Uncertain, None),
    (400, "SYSTEMERROR", Uncertain, None),
    (500, "BIZ_ERR_NEED_RETRY", Uncertain, None),
    (502, "malformed", Uncertain, None),
    (202, "USERPAYING", Uncertain, None),
]


@pytest.mark.parametrize(("status", "code", "kind", "is_mendable"), REFUND_REFUSED)
def test_of_a_refund_only_what_is_certain_is_a_no_and_what_the_merchant_can_mend_is_none_for_good(
    status: int, code: str, kind: type[Exception], is_mendable: bool | None
) -> None:
    error = sort_answer(status, error_body(code), None, moves_money=True)
    assert type(error) is kind
    assert (is_no_for_now(error) if isinstance(error, Rejected) else None) is is_mendable


def test_every_code_that_we_know_is_spelled_one_way() -> None:
    assert {
        read_error(error_body(spelling))[0] for code in CODES for spelling in (code, code.replace("_", ""))
    } == CODES


@pytest.mark.parametrize("status", [200, 204])
def test_a_yes_must_be_proven(status: int) -> None:
    assert sort_answer(status, b"", None) is None
    assert sort_answer(status, b"", UNSIGNED) is UNSIGNED


def test_an_unproven_no_keeps_their_code_for_people_to_read() -> None:
    error = sort_answer(404, error_body("ORDER_NOT_EXIST"), UNSIGNED)
    assert error is not None
    assert (error.code, error.http_status) == ("signature_missing", 404)
    assert "404 ORDER_NOT_EXIST" in error.message


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"3", b'{"message":"x"}', b'{"code":5}', b'{"code":null}'])
def test_an_error_in_no_known_shape_is_malformed_and_sorted_by_its_status(body: bytes) -> None:
    assert read_error(body) == ("malformed", "")
    assert type(sort_answer(400, body, None)) is Rejected
    assert type(sort_answer(401, body, UNSIGNED)) is Untrusted
    assert type(sort_answer(502, body, UNSIGNED)) is Uncertain


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("ORDERNOTEXIST", "ORDER_NOT_EXIST"),
        ("ORDERPAID", "ORDER_PAID"),
        ("ORDERCLOSED", "ORDER_CLOSED"),
        ("SYSTEMERROR", "SYSTEM_ERROR"),
        ("NOAUTH", "NO_AUTH"),
        ("NOTENOUGH", "NOT_ENOUGH"),
        ("USERPAYING", "USERPAYING"),
        ("A_NEW_CODE", "A_NEW_CODE"),
    ],
)
def test_older_spellings_are_read_as_the_newer_ones(old: str, new: str) -> None:
    assert read_error(error_body(old)) == (new, "为什么")
