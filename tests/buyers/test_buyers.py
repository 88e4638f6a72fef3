"""Buyers log in once per code, and are who they were the last time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import aiohttp
import pytest

from tests.merchants.gateway import Gateway, serve
from tongbao import buyers, hosts, merchants
from tongbao.buyers import Session
from tongbao.kit import clock, ids
from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import Sealer, new_master_key, sealer_from_text

OPENID = "oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"
SESSION_KEY = "tiihtNczf5v6AKRyjwEUhQ=="
SECRET = "0123456789abcdef0123456789abcdef"


class Shop:
    """A merchant with one app, whose log-ins go to a pretend platform."""

    def __init__(self, db: Db, gateway: Gateway, transport: aiohttp.ClientSession, merchant_id: str) -> None:
        self.db, self.gateway, self.transport, self.merchant_id = db, gateway, transport, merchant_id
        self.app_id = ids.new("wx")
        self.sealer: Sealer = sealer_from_text(new_master_key("k1"))
        gateway.login_answer = {"openid": OPENID, "session_key": SESSION_KEY}

    async def log_in(self, code: str) -> Session:
        settings = {"app_id": self.app_id, "app_secret": SECRET, "base_url": self.gateway.base_url}
        host = hosts.open_host("wechat", settings, self.transport)
        return await buyers.log_in(
            self.db, self.sealer, host, self.merchant_id, "wechat", self.app_id, code, clock.now()
        )


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Db]:
    db = await Db.connect(database_url, size=4)
    yield db
    await db.close()


@pytest.fixture
async def shop(db: Db) -> AsyncIterator[Shop]:
    merchant = await db.run(lambda tx: merchants.create_merchant(tx, "A coffee shop"))
    async with serve() as gateway, aiohttp.ClientSession() as transport:
        yield Shop(db, gateway, transport, merchant.merchant_id)


async def refusal(attempt: object) -> Refusal:
    with pytest.raises(Refusal) as refused:
        await attempt  # type: ignore[misc]
    return refused.value


async def test_a_buyer_logs_in_and_is_known_by_the_token(shop: Shop) -> None:
    session = await shop.log_in("code-1")
    buyer = await buyers.authenticate(shop.db, session.token, clock.now())
    assert (buyer.merchant_id, buyer.buyer_id, buyer.subject) == (shop.merchant_id, session.buyer_id, OPENID)
    assert (buyer.host, buyer.app_id) == ("wechat", shop.app_id)


async def test_a_merchants_server_finds_its_own_buyers_identity_and_nobody_elses(shop: Shop) -> None:
    session = await shop.log_in("code-1")
    found = await buyers.identity_of(shop.db, shop.merchant_id, session.buyer_id)
    assert found is not None
    assert (found.subject, found.app_id) == (OPENID, shop.app_id)
    other = await shop.db.run(lambda tx: merchants.create_merchant(tx, "A tea house"))
    assert await buyers.identity_of(shop.db, other.merchant_id, session.buyer_id) is None
    assert await buyers.identity_of(shop.db, shop.merchant_id, "buy'--") is None


async def test_the_same_person_is_the_same_buyer_and_another_app_has_another(shop: Shop) -> None:
    first, second = await shop.log_in("code-1"), await shop.log_in("code-2")
    assert first.buyer_id == second.buyer_id
    assert first.token != second.token
    shop.app_id = ids.new("wx")
    assert (await shop.log_in("code-1")).buyer_id != first.buyer_id


async def test_one_person_logging_in_many_times_at_once_is_one_buyer(shop: Shop) -> None:
    sessions = await asyncio.gather(*(shop.log_in(f"code-{number}") for number in range(12)))
    assert len({session.buyer_id for session in sessions}) == 1
    rows = await shop.db.fetch("SELECT buyer_id FROM buyers WHERE merchant_id = $1", shop.merchant_id)
    assert len(rows) == 1


async def test_a_code_is_exchanged_once_even_when_it_is_sent_many_times_at_once(shop: Shop) -> None:
    answers = await asyncio.gather(*(shop.log_in("code-1") for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(answer, Session) for answer in answers) == 1
    assert {answer.code for answer in answers if isinstance(answer, Refusal)} == {"code_used"}
    assert shop.gateway.logins == ["code-1"]


async def test_openid_session_key_token_and_code_lie_open_in_no_session_row_or_repr(shop: Shop) -> None:
    session = await shop.log_in("code-1")
    rows = await shop.db.fetch(
        """
        SELECT sessions::text AS row FROM sessions WHERE merchant_id = $1
        UNION ALL SELECT login_codes::text FROM login_codes WHERE merchant_id = $1
        """,
        shop.merchant_id,
    )
    kept = " ".join(row["row"] for row in rows)
    for secret in (session.token, session.token.rpartition("_")[2], SESSION_KEY, "code-1"):
        assert secret not in kept
        assert secret.encode().hex() not in kept
    buyer = await buyers.authenticate(shop.db, session.token, clock.now())
    assert session.token not in repr(session)
    assert OPENID not in repr(buyer)


async def test_a_code_the_host_refuses_is_refused_with_its_reason_and_stays_used(shop: Shop) -> None:
    shop.gateway.login_answer = {"errcode": 40029, "errmsg": "invalid code"}
    refused = await refusal(shop.log_in("bad"))
    assert (refused.code, refused.status, refused.values["reason"]) == ("login_refused", 401, "40029")
    assert (await refusal(shop.log_in("bad"))).code == "code_used"


async def test_a_code_the_host_never_saw_can_be_sent_again(shop: Shop) -> None:
    shop.gateway.login_answer = {"errcode": -1, "errmsg": "system error"}
    refused = await refusal(shop.log_in("code-1"))
    assert (refused.code, refused.status, refused.values["fresh_code"]) == ("host_unavailable", 503, False)
    shop.gateway.login_answer = {"openid": OPENID, "session_key": SESSION_KEY}
    assert (await shop.log_in("code-1")).buyer_id


async def test_a_code_the_host_may_have_seen_cannot_be_sent_again(shop: Shop) -> None:
    shop.gateway.failing = 502
    refused = await refusal(shop.log_in("code-1"))
    assert (refused.code, refused.status, refused.values["fresh_code"]) == ("host_unavailable", 503, True)
    assert (await refusal(shop.log_in("code-1"))).code == "code_used"


@pytest.mark.parametrize("code", ["", "x" * 513])
async def test_what_cannot_be_a_code_never_reaches_the_host(shop: Shop, code: str) -> None:
    assert (await refusal(shop.log_in(code))).code == "invalid_code"
    assert shop.gateway.logins == []


async def test_a_session_ends_at_its_last_moment(shop: Shop) -> None:
    session = await shop.log_in("code-1")
    assert session.expires_at - clock.now() > timedelta(days=6)
    await buyers.authenticate(shop.db, session.token, session.expires_at - timedelta(microseconds=1))
    refused = await refusal(buyers.authenticate(shop.db, session.token, session.expires_at))
    assert (refused.code, refused.status) == ("session_expired", 401)


async def test_a_wrong_token_of_any_shape_is_unauthorized(shop: Shop) -> None:
    token = (await shop.log_in("code-1")).token
    other = await shop.db.run(lambda tx: merchants.create_merchant(tx, "A tea house"))
    secret = token.rpartition("_")[2]
    for wrong in ("", "bs_", token[:-1], token + "x", "sk" + token[2:], f"bs_{other.merchant_id}_{secret}", "\udcff"):
        assert (await refusal(buyers.authenticate(shop.db, wrong, clock.now()))).code == "unauthorized"


async def test_a_session_in_use_costs_no_query(shop: Shop) -> None:
    token = (await shop.log_in("code-1")).token
    await buyers.authenticate(shop.db, token, clock.now())
    await shop.db.fetch("DELETE FROM sessions WHERE merchant_id = $1", shop.merchant_id)
    await buyers.authenticate(shop.db, token, clock.now())


async def test_purging_takes_what_ended_and_leaves_what_is_in_use(shop: Shop) -> None:
    async def kept() -> list[int]:
        tables = ("sessions", "login_codes")
        return [len(await shop.db.fetch(f"SELECT FROM {table}")) for table in tables]

    session = await shop.log_in("code-1")
    await buyers.purge(shop.db, clock.now() + timedelta(hours=23))
    assert await kept() == [1, 1]
    await buyers.purge(shop.db, clock.now() + timedelta(hours=25))
    assert await kept() == [1, 0]
    await buyers.purge(shop.db, session.expires_at + timedelta(hours=23))
    assert await kept() == [1, 0]
    for _ in range(2):
        await buyers.purge(shop.db, session.expires_at + timedelta(hours=25))
        assert await kept() == [0, 0]
    assert (await refusal(buyers.authenticate(shop.db, session.token, clock.now()))).code == "unauthorized"


async def test_a_union_subject_learned_later_is_kept(shop: Shop) -> None:
    await shop.log_in("code-1")
    shop.gateway.login_answer["unionid"] = "o6_bmasdasdsad6_2sgVt7hMZOPfL"
    await shop.log_in("code-2")
    del shop.gateway.login_answer["unionid"]
    await shop.log_in("code-3")
    [row] = await shop.db.fetch("SELECT * FROM buyer_identities WHERE merchant_id = $1", shop.merchant_id)
    assert row["union_subject"] == "o6_bmasdasdsad6_2sgVt7hMZOPfL"


async def test_a_log_in_of_nobody_makes_no_buyer(shop: Shop) -> None:
    shop.gateway.login_answer["openid"] = ""
    refused = await refusal(shop.log_in("code-1"))
    assert (refused.code, refused.values["fresh_code"]) == ("host_unavailable", True)
    assert await shop.db.fetch("SELECT FROM buyers WHERE merchant_id = $1", shop.merchant_id) == []
