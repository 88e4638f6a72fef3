from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.channels import wechatpay_vectors as vectors
from tongbao.channels import Diagnosis
from tongbao.channels.wechatpay.account import read_account
from tongbao.channels.wechatpay.diagnosis import diagnose
from tongbao.channels.wechatpay.findings import FINDINGS, Way
from tongbao.channels.wechatpay.signing import find_doubt
from tongbao.kit.words import Words

BODY = vectors.notification()
HEADERS = vectors.signed(BODY)
ACCOUNT = read_account(vectors.settings(), check_private_key=False)
FOREIGN_KEY = vectors.private_key("java_merchant_private_key.pem")


def found(
    headers: Mapping[str, str] = HEADERS, body: bytes = BODY, at: datetime = vectors.NOW, **settings: Any
) -> Diagnosis:
    account = read_account(vectors.settings(**settings), check_private_key=False) if settings else ACCOUNT
    diagnosis = diagnose(account, headers, body, at)
    assert "{" not in diagnosis.finding.en + diagnosis.finding.zh + diagnosis.cure.en + diagnosis.cure.zh
    return diagnosis


def is_said(diagnosis: Diagnosis, name: str) -> bool:
    """Whether the cure and the beginning of the finding are those of `name`."""
    template = FINDINGS[name]
    beginning = template.finding.en.partition("{")[0]
    return (diagnosis.wrong, diagnosis.cure) == (template.wrong, template.cure) and diagnosis.finding.en.startswith(
        beginning
    )


def sealed_for_another(body: bytes = BODY) -> bytes:
    envelope = json.loads(body)
    envelope["resource"] |= vectors.sealed(b"{}", key="x" * 32)
    return json.dumps(envelope).encode()


# Nothing


@pytest.mark.parametrize(
    "body", [BODY, vectors.refund_notification(), vectors.notification({}, "COUPON.USE", "coupon")]
)
def test_nothing_is_wrong_with_a_proven_notice(body: bytes) -> None:
    assert found(vectors.signed(body), body).wrong == "nothing"


def test_of_a_published_notice_with_a_shorter_key_only_the_key_is_found_wrong() -> None:
    vector = vectors.document("v3_notify_payscore.json")
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    at = datetime.fromtimestamp(int(headers["wechatpay-timestamp"]), UTC)
    certificate = {"serial": headers["wechatpay-serial"], "certificate_pem": vectors.text(vector["certificate"])}
    diagnosis = found(headers, vector["body"].encode(), at, platform_certificates=[certificate])
    assert is_said(diagnosis, "key_does_not_open")


def test_nothing_is_wrong_with_a_probe() -> None:
    signature = "WECHATPAY/SIGNTEST/" + HEADERS["wechatpay-signature"]
    diagnosis = found(HEADERS | {"wechatpay-signature": signature})
    assert is_said(diagnosis, "probe")


# Time


def test_a_right_signature_from_long_ago_is_a_fast_clock_or_an_old_notice() -> None:
    diagnosis = found(at=vectors.NOW + timedelta(seconds=301))
    assert is_said(diagnosis, "time_past")
    assert "301 s" in diagnosis.finding.en
    assert "301 秒" in diagnosis.finding.zh


def test_a_right_signature_from_the_future_is_a_slow_clock() -> None:
    diagnosis = found(at=vectors.NOW - timedelta(hours=1))
    assert is_said(diagnosis, "time_ahead")
    assert "3600 s" in diagnosis.finding.en


@pytest.mark.parametrize("timestamp", ["yesterday", "-5", "9" * 12, "9" * 5000, "１７１７２４３２００"])
def test_a_timestamp_that_is_none_is_wrong_itself(timestamp: str) -> None:
    assert is_said(found(HEADERS | {"wechatpay-timestamp": timestamp}), "time_unreadable")


def test_where_more_than_the_time_is_wrong_the_rest_is_named_and_the_time_too() -> None:
    diagnosis = found(body=BODY.replace(b"TRANSACTION", b"transaction"), at=vectors.NOW + timedelta(days=1))
    assert is_said(diagnosis, "body_changed")
    assert "86400 s before our clock" in diagnosis.finding.en
    assert "早 86400 秒" in diagnosis.finding.zh
    early = found(HEADERS | {"wechatpay-serial": "F" * 40}, at=vectors.NOW - timedelta(days=1))
    assert early.wrong == "serial"
    assert "86400 s after our clock" in early.finding.en


# Serial


@pytest.mark.parametrize(
    ("missing", "wrong"),
    [
        (["wechatpay-serial"], "serial"),
        (["wechatpay-timestamp"], "time"),
        (["wechatpay-nonce"], "body"),
        (["wechatpay-signature"], "body"),
        (sorted(HEADERS), "serial"),
    ],
)
def test_missing_headers_are_listed(missing: list[str], wrong: str) -> None:
    for headers in (
        {name: value for name, value in HEADERS.items() if name not in missing},
        HEADERS | dict.fromkeys(missing, ""),
    ):
        diagnosis = found(headers)
        assert diagnosis.wrong == wrong
        assert all(name in diagnosis.finding.en and name in diagnosis.finding.zh for name in missing)


def test_a_foreign_serial_on_our_own_notice_is_a_key_that_the_account_lacks() -> None:
    for serial, name in [("F" * 40, "serial_of_certificate"), ("PUB_KEY_ID_42", "serial_of_public_key")]:
        diagnosis = found(vectors.signed(BODY, serial=serial, key=FOREIGN_KEY))
        assert is_said(diagnosis, name)
        for ours in (serial, vectors.PLATFORM_SERIAL, vectors.PUBLIC_KEY_ID):
            assert ours in diagnosis.finding.en
            assert ours in diagnosis.finding.zh


def test_a_foreign_serial_on_what_does_not_open_either_is_another_environments() -> None:
    body = sealed_for_another()
    diagnosis = found(vectors.signed(body, serial="PUB_KEY_ID_42", key=FOREIGN_KEY), body)
    assert is_said(diagnosis, "account_of_another_environment")


def test_our_right_key_under_a_wrong_name_is_recognised() -> None:
    unknown = found(vectors.signed(BODY, serial="PUB_KEY_ID_42", key=vectors.PUBLIC_KEY_SIDE))
    swapped = found(vectors.signed(BODY, serial=vectors.PLATFORM_SERIAL, key=vectors.PUBLIC_KEY_SIDE))
    for diagnosis in (unknown, swapped):
        assert is_said(diagnosis, "serial_misnamed")
        assert vectors.PUBLIC_KEY_ID in diagnosis.finding.en


def test_the_merchants_own_serial_is_never_the_platforms() -> None:
    headers = vectors.signed(BODY, serial=vectors.MERCHANT_SERIAL, key=FOREIGN_KEY)
    assert is_said(found(headers), "serial_is_the_merchants")


def test_a_certificate_that_has_ended_is_named() -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    assert is_said(found(vectors.signed(BODY, at), at=at), "serial_ended")


def test_with_no_key_at_all_the_serial_is_what_is_missing() -> None:
    none: dict[str, Any] = {
        "platform_public_key_id": None,
        "platform_public_key_pem": None,
        "platform_certificates": [],
    }
    assert found(**none).wrong == "serial"


# Key


def test_what_is_sealed_for_us_and_signed_by_none_of_our_keys_has_a_wrong_platform_key() -> None:
    assert is_said(found(vectors.signed(BODY, key=FOREIGN_KEY)), "key_of_another")
    wrong_pem = found(
        vectors.signed(BODY, serial=vectors.PUBLIC_KEY_ID, key=vectors.PUBLIC_KEY_SIDE),
        platform_public_key_pem=vectors.text("community_public_key.pem"),
    )
    assert is_said(wrong_pem, "key_of_another")
    assert vectors.PUBLIC_KEY_ID in wrong_pem.finding.en


def test_what_is_signed_right_and_does_not_open_has_a_wrong_apiv3_key() -> None:
    assert is_said(found(apiv3_key="y" * 32), "key_does_not_open")
    body = sealed_for_another()
    assert is_said(found(vectors.signed(body), body), "key_does_not_open")


# Body


def rewritten(**how: Any) -> Callable[[bytes], bytes]:
    return lambda body: json.dumps(json.loads(body), **how).encode()


COMPACT = json.dumps(json.loads(BODY), separators=(",", ":"), ensure_ascii=False).encode()
IN_THEIR_ORDER = vectors.document("v3_notify_payscore.json")["body"].encode()

REWRITINGS: list[tuple[Way, bytes, Callable[[bytes], bytes]]] = [
    (Way.MARKED, COMPACT, lambda body: b"\xef\xbb\xbf" + body),
    (Way.ENDED, COMPACT, lambda body: body + b"\n"),
    (Way.ENDED, COMPACT, lambda body: body + b"\r\n  "),
    (Way.TRIMMED, COMPACT + b"\n", lambda body: body.rstrip()),
    (Way.LINES, rewritten(indent=2)(COMPACT), lambda body: body.replace(b"\n", b"\r\n")),
    (Way.LINES, rewritten(indent=2)(COMPACT).replace(b"\n", b"\r\n"), lambda body: body.replace(b"\r\n", b"\n")),
    (Way.JSON, COMPACT, rewritten()),
    (Way.JSON, COMPACT, rewritten(indent=4)),
    (Way.JSON, COMPACT, rewritten(separators=(",", ":"))),
    (Way.JSON, COMPACT, rewritten(ensure_ascii=False)),
    (Way.JSON, rewritten()(COMPACT), rewritten(separators=(",", ":"), ensure_ascii=False)),
    (Way.JSON, COMPACT.replace(b"/", b"\\/"), rewritten(separators=(",", ":"), ensure_ascii=False)),
    (Way.JSON, IN_THEIR_ORDER, rewritten(sort_keys=True)),
    (Way.JSON, IN_THEIR_ORDER, lambda body: b"\xef\xbb\xbf" + rewritten(sort_keys=True, indent=1)(body)),
]


@pytest.mark.parametrize(("way", "signed", "change"), REWRITINGS)
def test_what_a_proxy_did_to_a_body_is_said_exactly(way: Way, signed: bytes, change: Callable[[bytes], bytes]) -> None:
    arrived = change(signed)
    assert arrived != signed
    diagnosis = found(vectors.signed(signed), arrived)
    assert diagnosis.wrong == "body"
    assert way.value.en in diagnosis.finding.en
    assert way.value.zh in diagnosis.finding.zh


@pytest.mark.parametrize("name", ["wechatpay-timestamp", "wechatpay-nonce"])
def test_a_changed_timestamp_or_nonce_breaks_what_was_signed(name: str) -> None:
    value = HEADERS[name]
    headers = HEADERS | {name: value[:-1] + ("1" if value[-1] != "1" else "2")}
    assert is_said(found(headers), "body_changed")


@given(position=st.integers(0, len(BODY) - 1), flip=st.integers(1, 255))
def test_any_changed_byte_of_the_body_is_found_to_be_in_the_body(position: int, flip: int) -> None:
    changed = bytearray(BODY)
    changed[position] ^= flip
    assert found(body=bytes(changed)).wrong == "body"


def test_a_signature_of_another_notice_is_no_proof_of_this_one() -> None:
    assert is_said(found(vectors.signed(b"another")), "body_changed")


def test_a_signature_in_another_spelling_of_base64_was_changed_on_the_way() -> None:
    signature = HEADERS["wechatpay-signature"]
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = signature[:-3] + alphabet[alphabet.index(signature[-3]) ^ 1] + "=="
    assert is_said(found(HEADERS | {"wechatpay-signature": other}), "body_changed")


def test_what_is_signed_by_nobody_and_cannot_be_read_is_no_notice() -> None:
    for body in (b"", b"<html>", b"[]", BODY[:-10]):
        assert is_said(found(vectors.signed(BODY, key=FOREIGN_KEY), body), "body_no_notice")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"id":"1"}', vectors.notification({"trade_state": "SUCCESS"})])
def test_what_is_proven_and_cannot_be_read_is_of_a_shape_we_do_not_know(body: bytes) -> None:
    assert is_said(found(vectors.signed(body), body), "body_of_unknown_shape")


# Account


def test_what_neither_key_fits_is_for_another_account_or_forged() -> None:
    body = sealed_for_another()
    assert is_said(found(vectors.signed(body, key=FOREIGN_KEY), body), "account_of_another")


@pytest.mark.parametrize(
    "body",
    [
        vectors.notification(vectors.TRANSACTION | {"mchid": "1900000001"}),
        vectors.refund_notification(mchid="1900000001"),
        vectors.notification({"mchid": "1900000001"}, "COUPON.USE", "coupon"),
    ],
)
def test_a_proven_notice_about_another_merchant_number_is_for_another_account_which_is_not_named(body: bytes) -> None:
    diagnosis = found(vectors.signed(body), body)
    assert is_said(diagnosis, "account_of_another_number")
    assert "1900000001" not in repr(diagnosis)


# Anything


ODD_TEXT = st.text(st.characters(), max_size=60)
ODD_HEADERS = st.dictionaries(st.sampled_from(sorted(HEADERS)), ODD_TEXT | st.sampled_from(sorted(HEADERS.values())))
# As deep as a body can be and still be read; too deep to be written again.
DEEP = b'{"resource":' * 1020 + b"1" + b"}" * 1020


@given(ODD_HEADERS, st.binary(max_size=200) | st.sampled_from([BODY, DEEP]), st.datetimes(timezones=st.just(UTC)))
def test_anything_may_arrive_and_something_is_said_of_it(headers: dict[str, str], body: bytes, at: datetime) -> None:
    for mixed in (headers, HEADERS | headers):
        diagnosis = diagnose(ACCOUNT, mixed, body, at)
        assert diagnosis.wrong in {"nothing", "key", "serial", "time", "body", "account"}
        assert all(isinstance(words, Words) and all(words) for words in (diagnosis.finding, diagnosis.cure))


@given(ODD_HEADERS, st.sampled_from([BODY, sealed_for_another(), DEEP, b""]))
def test_nothing_is_wrong_only_with_what_is_proven_or_a_probe(headers: dict[str, str], body: bytes) -> None:
    doubt = find_doubt(HEADERS | headers, body, ACCOUNT.platform_keys, vectors.NOW)
    if diagnose(ACCOUNT, HEADERS | headers, body, vectors.NOW).wrong == "nothing":
        assert doubt is None or doubt.code == "signature_probe"


def test_a_deep_body_and_a_nonce_that_no_text_has_are_diagnosed_too() -> None:
    assert found(vectors.signed(BODY), DEEP).wrong == "body"
    assert found(HEADERS | {"wechatpay-nonce": "\ud800"}).wrong == "body"
