"""Phone numbers are kept under seal, and are their buyer's and their merchant's alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from tests.channels.scripted_gateway import scripted_gateway
from tongbao import buyers, hosts, merchants
from tongbao.buyers import BuyerPrincipal
from tongbao.hosts import Host, PhoneNumber
from tongbao.kit import clock, ids
from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import SealBroken, Sealer, new_master_key, sealer_from_text

NUMBER = "13812348000"
SECRET = "0123456789abcdef0123456789abcdef"


class Shop:
    """A merchant with one app, whose buyers' consents go to a pretend platform."""

    def __init__(self, db: Db, merchant_id: str, base_url: str, transport: aiohttp.ClientSession) -> None:
        self.db, self.merchant_id, self.base_url, self.transport = db, merchant_id, base_url, transport
        self.keys = new_master_key("k1")
        self.number, self.answer = NUMBER, {}  # type: str, dict[str, Any]
        self.status = 200

    async def reply(self, request: web.Request) -> web.Response:
        if request.path == "/sns/jscode2session":
            return web.json_response({"openid": request.query["js_code"]})
        if request.path == "/cgi-bin/stable_token":
            return web.json_response({"access_token": "token", "expires_in": 7200})
        info = {"purePhoneNumber": self.number, "countryCode": "86"}
        return web.json_response(self.answer or {"phone_info": info}, status=self.status)

    @property
    def sealer(self) -> Sealer:
        return sealer_from_text(self.keys)

    def host(self, name: str = "wechat") -> Host:
        settings = {"app_id": "wxd678efh567hg6787", "app_secret": SECRET, "base_url": self.base_url}
        return hosts.open_host(name, settings, self.transport)

    async def buyer(self, openid: str = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o") -> BuyerPrincipal:
        whose = (self.merchant_id, "wechat", "wxd678efh567hg6787")
        session = await buyers.log_in(self.db, self.sealer, self.host(), *whose, openid, clock.now())
        return await buyers.authenticate(self.db, session.token, clock.now())

    async def keep(self, buyer: BuyerPrincipal, consent: str = "a consent") -> PhoneNumber:
        return await buyers.keep_phone(self.db, self.sealer, self.host(), buyer, consent, clock.now())

    async def read(self, buyer: BuyerPrincipal) -> str:
        phone, _ = await buyers.phone_of(self.db, self.sealer, self.merchant_id, buyer.buyer_id)
        return phone.number


@pytest.fixture
async def shop(database_url: str) -> AsyncIterator[Shop]:
    db = await Db.connect(database_url, size=4)
    merchant = await db.run(lambda tx: merchants.create_merchant(tx, "A coffee shop"))
    async with scripted_gateway() as platform, aiohttp.ClientSession() as transport:
        shop = Shop(db, merchant.merchant_id, platform.base_url, transport)
        platform.script = shop.reply
        yield shop
    await db.close()


async def refusal(attempt: Awaitable[object]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await attempt
    return refused.value


async def test_a_number_that_was_shown_is_there_for_the_merchant(shop: Shop) -> None:
    buyer, before = await shop.buyer(), clock.now()
    assert (await shop.keep(buyer)).masked == "138****8000"
    phone, at = await buyers.phone_of(shop.db, shop.sealer, shop.merchant_id, buyer.buyer_id)
    assert phone == PhoneNumber("86", NUMBER)
    assert before <= at <= clock.now()


async def test_another_number_takes_the_place_of_the_first_and_twice_the_same_is_harmless(shop: Shop) -> None:
    buyer = await shop.buyer()
    for number in (NUMBER, NUMBER, "13900009000"):
        shop.number = number
        await asyncio.gather(*(shop.keep(buyer) for _ in range(4)))
        assert await shop.read(buyer) == number


async def test_a_number_lies_open_in_no_row_and_opens_for_no_other_buyer(shop: Shop) -> None:
    first, second = await shop.buyer(), await shop.buyer("oAnotherBuyerOfTheSameShop00")
    await shop.keep(first)
    rows = await shop.db.fetch("SELECT buyers::text AS row FROM buyers")
    kept = " ".join(row["row"] for row in rows)
    assert NUMBER not in kept
    assert NUMBER.encode().hex() not in kept
    stolen = (
        "UPDATE buyers SET sealed_phone = (SELECT sealed_phone FROM buyers WHERE buyer_id = $1) WHERE buyer_id = $2"
    )
    await shop.db.fetch(stolen, first.buyer_id, second.buyer_id)
    with pytest.raises(SealBroken) as broken:
        await shop.read(second)
    assert NUMBER not in str(broken.value)


async def test_who_has_shown_no_number_is_told_apart_from_nobody(shop: Shop) -> None:
    buyer = await shop.buyer()
    refused = await refusal(shop.read(buyer))
    assert (refused.code, refused.status) == ("phone_unknown", 404)
    other = await shop.db.run(lambda tx: merchants.create_merchant(tx, "A tea house"))
    for merchant_id, buyer_id in (
        (other.merchant_id, buyer.buyer_id),
        (shop.merchant_id, ids.new("buy")),
        (shop.merchant_id, "buy'--\x00"),
    ):
        refused = await refusal(buyers.phone_of(shop.db, shop.sealer, merchant_id, buyer_id))
        assert (refused.code, refused.status) == ("unknown_buyer", 404)


@pytest.mark.parametrize(
    ("answer", "status", "code", "values"),
    [
        ({"errcode": 40029, "errmsg": "invalid code"}, 200, "phone_refused", {"reason": "40029"}),
        ({"phone_info": {"purePhoneNumber": "", "countryCode": ""}}, 200, "no_phone_number", {}),
        ({"errcode": -1, "errmsg": "system error"}, 200, "host_unavailable", {"fresh_code": False}),
        ({"errcode": 0}, 502, "host_unavailable", {"fresh_code": True}),
    ],
)
async def test_what_the_host_does_not_show_is_refused_by_name_and_what_was_kept_stays(
    shop: Shop, answer: dict[str, Any], status: int, code: str, values: dict[str, Any]
) -> None:
    buyer = await shop.buyer()
    await shop.keep(buyer)
    shop.answer, shop.status = answer, status
    refused = await refusal(shop.keep(buyer))
    assert (refused.code, refused.values) == (code, values)
    assert await shop.read(buyer) == NUMBER


async def test_a_host_that_shows_no_numbers_says_so(shop: Shop) -> None:
    buyer = await shop.buyer()
    host = shop.host("wechat_web")
    refused = await refusal(buyers.keep_phone(shop.db, shop.sealer, host, buyer, "a consent", clock.now()))
    assert (refused.code, refused.values) == ("phone_unsupported", {"host": "wechat_web"})


async def test_after_resealing_the_older_master_key_can_go(shop: Shop) -> None:
    buyer, unseen = await shop.buyer(), await shop.buyer("oWhoHasShownNoNumber000000")
    await shop.keep(buyer)
    new = new_master_key("k2")
    both = sealer_from_text(f"{new}\n{shop.keys}")
    assert [await buyers.reseal(shop.db, both) for _ in range(2)] == [1, 0]
    shop.keys = new
    assert await shop.read(buyer) == NUMBER
    assert (await refusal(shop.read(unseen))).code == "phone_unknown"
