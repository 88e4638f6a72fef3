"""What the pages decide without asking anybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.web.cashier_visits import ALIPAY, DESKTOP, PHONE, WECHAT
from tongbao.channels import channel_names
from tongbao.kit import clock, ids
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import new_master_key, sealer_from_text
from tongbao.payments import Attempt, AttemptState, Order, OrderStatus
from tongbao.web.cashier import forms
from tongbao.web.cashier.limits import Limit
from tongbao.web.cashier.places import NAMES, PLACES, place_of
from tongbao.web.cashier.stages import Stage, stage_of

NOW = clock.now()
ORDER = Order(
    merchant_id=ids.new("mch"),
    order_id=ids.new("ord"),
    reference="r1",
    content_hash=b"",
    amount=1800,
    currency="CNY",
    subject="拿铁",
    items=[],
    metadata={},
    buyer_id=None,
    notify_url=None,
    status=OrderStatus.OPEN,
    version=1,
    created_at=NOW,
    expires_at=NOW + timedelta(minutes=30),
    expire_due_at=None,
    paid_at=None,
    paid_attempt_id=None,
    closed_at=None,
    close_reason=None,
)


def attempt(state: AttemptState) -> Attempt:
    return Attempt(
        merchant_id=ORDER.merchant_id,
        attempt_id=ids.new("pay"),
        order_id=ORDER.order_id,
        account_id=ids.new("acc"),
        channel="wechatpay",
        method="h5",
        app_id="wx1",
        payer=None,
        amount=1800,
        currency="CNY",
        state=state,
        version=1,
        token=None,
        token_until=None,
        transaction_id=None,
        reason=None,
        created_at=NOW,
        prepared_at=None,
        settled_at=None,
        paid_at=None,
        ask_at=None,
        asked=0,
    )


@pytest.mark.parametrize(
    ("order", "states", "stage"),
    [
        (ORDER, [], Stage.OPEN),
        (ORDER, [AttemptState.PENDING], Stage.OPEN),
        (ORDER, [AttemptState.FAILED, AttemptState.PENDING], Stage.OPEN),
        (ORDER, [AttemptState.PENDING, AttemptState.FAILED], Stage.FAILED),
        (ORDER, [AttemptState.HELD, AttemptState.FAILED], Stage.CHECKING),
        (replace(ORDER, expires_at=NOW), [], Stage.EXPIRED),
        (replace(ORDER, expires_at=NOW), [AttemptState.HELD], Stage.CHECKING),
        (replace(ORDER, status=OrderStatus.CLOSED, close_reason="expired"), [AttemptState.CLOSED], Stage.EXPIRED),
        (replace(ORDER, status=OrderStatus.CLOSED, close_reason="by_merchant"), [], Stage.CLOSED),
        (replace(ORDER, status=OrderStatus.PAID), [AttemptState.SUCCEEDED, AttemptState.FAILED], Stage.PAID),
    ],
)
def test_an_order_is_shown_by_what_became_of_it(order: Order, states: list[AttemptState], stage: Stage) -> None:
    assert stage_of(order, [attempt(state) for state in states], NOW) is stage


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (WECHAT, "wechat"),
        (ALIPAY, "alipay"),
        (PHONE, "phone"),
        (DESKTOP, "desktop"),
        ("", "desktop"),
        ("\x00", "desktop"),
    ],
)
def test_a_browser_is_known_by_its_user_agent(agent: str, name: str) -> None:
    assert place_of(agent).name == name


def test_every_channel_that_a_page_offers_is_there_and_has_a_name() -> None:
    for place in PLACES:
        for way in place.ways:
            assert way.channel in channel_names()
            assert way.channel in NAMES


def test_a_limit_counts_each_key_for_itself() -> None:
    limit = Limit(2)
    for _ in range(2):
        limit.count("a")
    with pytest.raises(Refusal, match="too_many_tries"):
        limit.count("a")
    limit.count("b")


def test_a_limit_is_over_when_its_time_is() -> None:
    limit = Limit(1, seconds=0.0)
    limit.count("a")
    limit.count("a")


def test_a_flood_of_keys_takes_a_bounded_memory() -> None:
    limit = Limit(1, size=100)
    for number in range(1000):
        limit.count(number)
    assert len(limit._counts) == 100
    with pytest.raises(Refusal):
        limit.count(999)


def test_a_forms_token_is_for_its_page_and_hour_alone() -> None:
    sealer = sealer_from_text(new_master_key("k1"))
    token = forms.new_token(sealer, "here")
    assert forms.read_token(sealer, "here", token) == token.partition(".")[0]
    with pytest.raises(Refusal, match="foreign_form"):
        forms.read_token(sealer, "there", token)
    clock.move(3601)
    try:
        with pytest.raises(Refusal, match="form_expired"):
            forms.read_token(sealer, "here", token)
    finally:
        clock.move(0)
