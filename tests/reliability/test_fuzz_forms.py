"""What the fuzzers draw of Alipay's forms, and that they would notice a door that takes what it must not."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given, settings

from reliability import fuzz_forms, fuzz_letters
from reliability.fuzz_door import Broken, Shooting
from reliability.fuzz_forms import FormTarget
from reliability.fuzz_letters import Edit
from tongbao_sandbox.alipay import signing


@pytest.fixture(scope="module")
def target() -> FormTarget:
    key = rsa.generate_private_key(65537, 2048)
    numbers = "9021000000000001", "2088000000000001"
    return FormTarget("mch1", "acc1", *numbers, 1800, (("ord1", "pay1"),) * 9, (("rfd1", "pay1"),), key)


@settings(max_examples=300)
@given(fuzz_forms.outside)
def test_every_edit_can_be_made_and_its_proof_read(target: FormTarget, edits: tuple[Edit, ...]) -> None:
    target.proof(fuzz_letters.spoilt(target.genuine(0), edits))


def test_a_form_is_signed_as_the_gateway_signs(target: FormTarget) -> None:
    form = dict(parse_qsl(target.genuine(0).body.decode()))
    message = signing.parameters_text(form, without=("sign", "sign_type")).encode()
    assert signing.verify(target.key.public_key(), message, form["sign"])


@pytest.mark.parametrize("edit", [Edit("put", 0, b"&&"), Edit("put", 0, b"new=&"), Edit("path", 19, b"?x=1")])
def test_a_form_that_proves_what_it_did_is_untouched(target: FormTarget, edit: Edit) -> None:
    genuine = target.genuine(0)
    assert target.proof(fuzz_letters.spoilt(genuine, (edit,))) == target.proof(genuine)


@pytest.mark.parametrize(
    "edit", [Edit("put", 0, b"new=1&"), Edit("over", 9, b"\xff"), Edit("cut", 40), Edit("path", 1, b"/")]
)
def test_a_form_that_proves_something_else_is_not(target: FormTarget, edit: Edit) -> None:
    genuine = target.genuine(0)
    assert target.proof(fuzz_letters.spoilt(genuine, (edit,))) != target.proof(genuine)


@pytest.mark.parametrize(
    ("edit", "pays"),
    [
        (Edit("set", "trade_no", "other"), True),
        (Edit("set", "total_amount", "18"), True),
        (Edit("set", "trade_status", "TRADE_FINISHED"), True),
        (Edit("set", "total_amount", "0.01"), False),
        (Edit("set", "seller_id", "2088000000000002"), False),
        (Edit("set", "trade_status", "TRADE_CLOSED"), False),
        (Edit("drop", "total_amount"), False),
        (Edit("set", "notify_type", "\x00"), False),
    ],
)
def test_only_what_is_compared_makes_a_payment_another(target: FormTarget, edit: Edit, pays: bool) -> None:
    assert (target.inside(0, (edit,), ()) is None) is pays


@pytest.mark.parametrize(
    ("edit", "returns"),
    [
        (Edit("set", "total_amount", "0.01"), True),
        (Edit("set", "out_biz_no", "rfd2"), False),
        (Edit("drop", "gmt_refund"), False),
    ],
)
def test_the_number_of_a_refund_stands_for_its_sum(target: FormTarget, edit: Edit, returns: bool) -> None:
    assert (target.inside_refund(0, (edit,), ()) is None) is returns


@pytest.mark.parametrize("status", [0, 200, 500])
def test_a_door_that_does_not_refuse_a_spoilt_form_is_broken(target: FormTarget, status: int) -> None:
    loop: Any = None
    with pytest.raises(Broken):
        Shooting(target, loop, lambda letter: status, compares_paths=True).outside(0, (Edit("cut", 3),))
