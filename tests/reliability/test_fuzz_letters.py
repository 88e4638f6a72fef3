"""What the fuzzers of the gateways' door draw, and that they would notice a door that takes what it must not."""

from __future__ import annotations

import socket
import threading
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings

from reliability import fuzz_door, fuzz_letters
from reliability.fuzz_door import Broken, Shooting, Target, Wire
from reliability.fuzz_letters import Edit, Letter
from tongbao_sandbox.wechat import signing

LETTER = Letter(b"/notify/wechatpay/acc1", ((b"Wechatpay-Nonce", b"n"), (b"Wechatpay-Serial", b"S")), b'{"id":"EV"}')
PAID = fuzz_letters.transaction("pay1", "1900000001", "wx1", 1800)


@pytest.fixture(scope="module")
def target() -> Target:
    keys = fuzz_door.stolen_keys("k" * 32)
    orders = tuple((f"ord{number}", f"pay{number}") for number in range(fuzz_door.GENUINE + 1))
    return Target("mch1", "acc1", "1900000001", "wx1", 1800, orders, (("rfd1", "pay1"),), keys)


def shooting(target: Target, status: int, *, compares_paths: bool = True) -> Shooting:
    """At a door that gives every letter the same answer."""
    loop: Any = None
    return Shooting(target, loop, lambda letter: status, compares_paths)


@settings(max_examples=300)
@given(fuzz_letters.outside)
def test_every_edit_can_be_made_and_is_one_request(edits: tuple[Edit, ...]) -> None:
    letter = fuzz_letters.spoilt(LETTER, edits)
    head = [letter.path, *(piece for header in letter.headers for piece in header)]
    assert not any(b"\r" in piece or b"\n" in piece for piece in head)


@pytest.mark.parametrize(
    "edit",
    [
        Edit("header_again", b"wechatpay-nonce", b"n"),
        Edit("header", b"wechatpay-serial", b" S "),
        Edit("path", 22, b"?x=1"),
        Edit("cut", len(LETTER.body)),
    ],
)
def test_a_letter_that_proves_what_it_did_is_untouched(edit: Edit) -> None:
    assert fuzz_letters.spoilt(LETTER, (edit,)).proof() == LETTER.proof()


@pytest.mark.parametrize(
    "edit",
    [
        Edit("header_again", b"wechatpay-nonce", b"m"),
        Edit("without", b"wechatpay-serial"),
        Edit("key_again", "id", b"null"),
        Edit("nested", 1, b"["),
        Edit("path", 1, b"//"),
    ],
)
def test_a_letter_that_proves_something_else_is_not(edit: Edit) -> None:
    assert fuzz_letters.spoilt(LETTER, (edit,)).proof() != LETTER.proof()


@pytest.mark.parametrize(
    ("place", "value", "same"),
    [
        (("transaction_id",), "other", True),
        (("trade_state",), "REFUND", True),
        (("trade_state",), "CLOSED", False),
        (("mchid",), "1900000002", False),
        (("amount", "total"), 1, False),
        (("amount",), {}, False),
        (("amount", "currency"), "USD", False),
    ],
)
def test_only_what_is_compared_makes_a_payment_another(place: tuple[str, ...], value: object, same: bool) -> None:
    after = fuzz_letters.changed(PAID, (Edit("set", place, value),))
    assert fuzz_letters.says_the_same(PAID, after) is same


def test_true_is_not_one_fen() -> None:
    one_fen = fuzz_letters.transaction("pay1", "1900000001", "wx1", 1)
    after = fuzz_letters.changed(one_fen, (Edit("set", ("amount", "total"), True),))
    assert not fuzz_letters.says_the_same(one_fen, after)


def test_a_letter_is_signed_as_the_gateway_signs(target: Target) -> None:
    letter = shooting(target, 200).genuine(0)
    _, timestamp, nonce, signature, serial, body = letter.proof()
    message = signing.answer_message(timestamp.decode(), nonce.decode(), body)
    key = target.keys.signers[serial.decode()].public_key()
    assert signing.verify(key, message, signature.decode())
    assert not signing.verify(key, message + b" ", signature.decode())


@pytest.mark.parametrize("status", [0, 200, 204, 302, 500, 503])
def test_a_door_that_does_not_refuse_a_spoilt_letter_is_broken(target: Target, status: int) -> None:
    with pytest.raises(Broken):
        shooting(target, status).outside(0, (Edit("cut", 3),))


def test_a_door_that_refuses_it_is_not(target: Target) -> None:
    seen = shooting(target, 400)
    seen.outside(0, (Edit("cut", 3),))
    assert seen.summary() == "1 × 400"


def test_where_no_path_is_known_none_is_compared(target: Target) -> None:
    shooting(target, 200, compares_paths=False).outside(0, (Edit("path", 3, b"A"),))
    with pytest.raises(Broken):
        shooting(target, 200).outside(0, (Edit("path", 3, b"A"),))


def test_a_door_that_breaks_or_pays_is_broken(target: Target) -> None:
    letter = replace(LETTER, body=b"x")
    with pytest.raises(Broken, match="answered with 500"):
        shooting(target, 500).harmless(letter, "x", lambda: False)
    with pytest.raises(Broken, match="moved money"):
        shooting(target, 200).harmless(letter, "x", lambda: True)
    shooting(target, 200).harmless(letter, "x", lambda: False)


def test_the_wire_sends_the_letter_byte_by_byte_and_reads_one_answer_after_the_other() -> None:
    received: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            for status in (b"400 Bad", b"204 None"):
                received.append(connection.recv(65536))
                connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 3\r\n\r\nabc")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=serve, args=(listener,))
        server.start()
        wire = Wire(f"http://127.0.0.1:{listener.getsockname()[1]}")
        letter = replace(LETTER, headers=((b"wechatpay-nonce", b"\xff\xe9"), (b"wechatpay-nonce", b"")))
        assert [wire.deliver(letter), wire.deliver(letter)] == [400, 204]
        wire.close()
        server.join()
    assert b"wechatpay-nonce: \xff\xe9\r\nwechatpay-nonce: \r\n\r\n" + letter.body in received[0]


def test_a_server_that_hangs_up_has_not_answered() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=lambda: listener.accept()[0].close())
        server.start()
        wire = Wire(f"http://127.0.0.1:{listener.getsockname()[1]}")
        assert wire.deliver(LETTER) == 0
        wire.close()
        server.join()
