from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given
from hypothesis import strategies as st

from tests.channels import wechatpay_vectors as vectors
from tests.channels.scripted_gateway import ScriptedGateway, failure
from tests.channels.wechatpay_vectors import CHARGE
from tongbao import channels
from tongbao.channels import Channel, Charge, Instalments, Means, PayerKind, Prepared
from tongbao.channels.wechatpay import signing, wire
from tongbao.channels.wechatpay.methods import METHODS
from tongbao.kit.errors import Rejected

ADDRESS = "https://wx.tenpay.com/cgi-bin/mmpayweb-bin/checkmweb?prepay_id=wx2710&package=3678229254"
TOKENS = {
    "jsapi": ("prepay_id", "wx201410272009395522657a690389285100"),
    "app": ("prepay_id", "wx201410272009395522657a690389285100"),
    "native": ("code_url", "weixin://wxpay/bizpayurl?pr=p4lpSuKzz"),
    "h5": ("h5_url", ADDRESS),
}
ANYBODY = replace(CHARGE, payer=None, payer_ip="203.0.113.9")


def charge(method: str, **changes: Any) -> Charge:
    return replace(CHARGE if METHODS[method].needs_payer else ANYBODY, method=method, **changes)


def sent(charge: Charge) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(wire.order_body(charge, vectors.MERCHANT_NUMBER))
    return fields


@pytest.mark.parametrize("method", sorted(TOKENS))
async def test_each_method_is_prepared_at_its_own_path_and_brings_its_own_token(
    channel: Channel, gateway: ScriptedGateway, method: str
) -> None:
    name, token = TOKENS[method]
    answer = json.dumps({name: token}).encode()
    gateway.answers(200, answer, vectors.signed(answer))
    prepared = await channel.prepare(charge(method))
    ((request, body),) = gateway.asked
    assert (request.method, request.raw_path) == ("POST", f"/v3/pay/transactions/{method}")
    vectors.assert_signed_by_the_merchant(request, body)
    assert prepared.token == token
    life = timedelta(minutes=5) if method == "h5" else timedelta(hours=2)
    assert life * 0.85 < prepared.usable_until - vectors.NOW < life


@pytest.mark.parametrize("method", sorted(TOKENS))
async def test_an_answer_with_another_methods_token_is_not_read(
    channel: Channel, gateway: ScriptedGateway, method: str
) -> None:
    answer = json.dumps({name: token for name, token in TOKENS.values() if name != TOKENS[method][0]}).encode()
    gateway.answers(200, answer, vectors.signed(answer))
    assert (await failure(channel.prepare(charge(method)))).code == "malformed"


def test_only_a_method_that_needs_the_payer_names_them_and_only_h5_says_that_it_is_a_browser() -> None:
    assert sent(charge("jsapi"))["payer"] == {"openid": CHARGE.payer}
    for method in ("native", "app", "h5"):
        assert "payer" not in sent(charge(method, payer=CHARGE.payer))
    assert sent(charge("h5"))["scene_info"] == {"payer_client_ip": "203.0.113.9", "h5_info": {"type": "Wap"}}
    assert "scene_info" not in sent(charge("native", payer_ip=None))


def test_an_apps_pay_call_is_signed_as_computed_independently() -> None:
    vector = vectors.document("v3_derived.json")["app_sign"]
    message = signing.pay_message(*vector["message"].split("\n")[:4])
    assert message == vector["message"].encode()
    assert signing.sign(vectors.MERCHANT_KEY, message) == vector["sign"]


def test_an_app_is_given_what_its_sdk_takes_signed_over_the_bare_token(channel: Channel) -> None:
    app_charge = charge("app")
    params = dict(channel.client_params(app_charge, Prepared("wx2710", vectors.NOW)))
    lines = [app_charge.app_id, params["timestamp"], params["noncestr"], "wx2710", ""]
    signature = base64.b64decode(params.pop("sign"))
    vectors.MERCHANT_KEY.public_key().verify(signature, "\n".join(lines).encode(), PKCS1v15(), SHA256())
    assert params == {
        "appid": app_charge.app_id,
        "partnerid": vectors.MERCHANT_NUMBER,
        "prepayid": "wx2710",
        "package": "Sign=WXPay",
        "noncestr": params["noncestr"],
        "timestamp": str(int(vectors.NOW.timestamp())),
    }


def test_a_code_is_shown_and_an_address_opened_as_they_came(channel: Channel) -> None:
    shown = channel.client_params(charge("native"), Prepared("weixin://wxpay/bizpayurl?pr=p4", vectors.NOW))
    assert shown == {"code_url": "weixin://wxpay/bizpayurl?pr=p4"}
    assert channel.client_params(charge("h5"), Prepared(ADDRESS, vectors.NOW)) == {"h5_url": ADDRESS}


def test_a_browser_comes_back_to_the_whole_of_its_return_url(channel: Channel) -> None:
    back = charge("h5", return_url="https://shop.example/paid?order=7&size=large#top")
    assert channel.client_params(back, Prepared(ADDRESS, vectors.NOW)) == {
        "h5_url": f"{ADDRESS}&redirect_url=https%3A%2F%2Fshop.example%2Fpaid%3Forder%3D7%26size%3Dlarge%23top"
    }
    assert sent(back) == sent(charge("h5"))


def test_a_payment_is_collected_for_the_payers_app_or_else_the_accounts(transport: aiohttp.ClientSession) -> None:
    named = vectors.opened(transport, app_id="wx8888888888888888")
    assert named.app_for("wxd678efh567hg6787") == "wxd678efh567hg6787"
    assert named.app_for(None) == "wx8888888888888888"
    assert vectors.opened(transport).app_for(None) is None


LIMITS = [
    ({"without": {Means.CREDIT_CARD}}, ["no_credit"]),
    ({"without": {Means.DEBIT_CARD, Means.BALANCE}}, ["no_balance", "no_debit"]),
    ({"without": {Means.DEBIT_CARD, Means.BALANCE, Means.CREDIT_CARD}}, ["no_balance", "no_credit", "no_debit"]),
    ({"only": {Means.BALANCE}}, ["balance_only"]),
    ({"only": {Means.BALANCE}, "without": {Means.CREDIT_CARD, Means.FUND}}, ["balance_only"]),
]


@pytest.mark.parametrize(("wish", "limits"), LIMITS)
@pytest.mark.parametrize("method", sorted(TOKENS))
def test_a_limit_of_means_is_said_in_their_words(method: str, wish: dict[str, set[Means]], limits: list[str]) -> None:
    frozen = {name: frozenset(means) for name, means in wish.items()}
    assert sent(charge(method, **frozen))["limit_pay"] == limits
    assert "limit_pay" not in sent(charge(method))


REFUSED = [
    # (what is charged, why it is refused)
    ({"method": "cowries"}, "unsupported_method"),
    ({"method": "code"}, "unsupported_method"),
    ({"payer": None}, "payer_missing"),
    ({"payer": ""}, "payer_missing"),
    ({"payer_kind": PayerKind.USER_ID}, "payer_missing"),
    ({"method": "h5", "payer_ip": None}, "payer_missing"),
    ({"currency": "USD"}, "unsupported_currency"),
    ({"instalments": Instalments(6)}, "unsupported_option"),
    ({"return_url": "https://shop.example/paid"}, "unsupported_option"),
    ({"method": "native", "return_url": "https://shop.example/paid"}, "unsupported_option"),
    ({"without": frozenset({Means.FUND})}, "unsupported_option"),
    ({"without": frozenset({Means.BALANCE, Means.CREDIT})}, "unsupported_option"),
    ({"only": frozenset({Means.DEBIT_CARD})}, "unsupported_option"),
    ({"only": frozenset({Means.BALANCE, Means.FUND})}, "unsupported_option"),
    ({"only": frozenset({Means.BALANCE}), "without": frozenset({Means.BALANCE})}, "unsupported_option"),
]


@pytest.mark.parametrize(("change", "code"), REFUSED)
async def test_what_they_can_never_collect_is_refused_unsent(
    channel: Channel, gateway: ScriptedGateway, change: dict[str, Any], code: str
) -> None:
    error = await failure(channel.prepare(replace(CHARGE, **change)))
    assert (type(error), error.code) == (Rejected, code)
    assert channel.advice(code)
    assert gateway.asked == []


@pytest.mark.parametrize(
    "change",
    [
        {"method": "native"},
        {"only": frozenset({Means.BALANCE})},
        {"without": frozenset({Means.CREDIT_CARD})},
        {"instalments": Instalments(3)},
        {"return_url": "https://shop.example/paid"},
        {"currency": "USD"},
    ],
)
async def test_what_a_scanned_code_can_never_be_charged_is_refused_unsent(
    channel: Channel, gateway: ScriptedGateway, change: dict[str, Any]
) -> None:
    error = await failure(channel.collect(replace(ANYBODY, **{"method": "code"} | change), "134567890123456789"))
    assert type(error) is Rejected
    assert gateway.asked == []


@given(st.integers(0, 99), st.text("0123456789", min_size=16, max_size=16))
def test_a_payment_code_is_theirs_by_its_first_two_digits(prefix: int, rest: str) -> None:
    found = channels.channel_of_code(f"{prefix:02d}{rest}")
    assert (found == "wechatpay") is (10 <= prefix <= 15)


@pytest.mark.parametrize(
    "code",
    [
        "",
        "13",
        "13456789012345678",
        "1345678901234567890",
        "13456789012345678x",
        "１３４５６７８９０１２３４５６７８９",
    ],
)
def test_what_is_no_payment_code_is_nobodys(code: str) -> None:
    assert channels.channel_of_code(code) is None
    assert channels.channel_of_code(f"{code}\n") is None
