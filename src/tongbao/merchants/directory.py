"""The live objects behind what the database says: channels of accounts, hosts of apps. Built once per version."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

import aiohttp

from tongbao import channels, hosts, ways
from tongbao.channels import Channel
from tongbao.hosts import Host
from tongbao.kit import clock, ids, signals
from tongbao.kit.cache import Cache
from tongbao.kit.db import Db
from tongbao.kit.errors import Refusal
from tongbao.kit.sealing import Sealer
from tongbao.merchants import store
from tongbao.merchants.model import Account, App
from tongbao.merchants.service import open_settings

_SERIAL_PAUSE_SECONDS = 300.0


class Directory:
    """Finds the channel or the host to speak through. What it found it keeps, and looks again after a few seconds
    whether it has changed; a channel is built anew (its keys parsed) only when it has."""

    def __init__(
        self,
        db: Db,
        sealer: Sealer,
        transport: aiohttp.ClientSession,
        public_url: str = "",
        now: Callable[[], datetime] = clock.now,
        table: ways.Ways | None = None,
    ) -> None:
        self.ways = table or ways.read()
        """Which channel may collect where."""
        self._db = db
        self._sealer = sealer
        self._transport = transport
        self.public_url = public_url
        """What addresses of ours begin with, as gateways and buyers reach us."""
        self._now = now
        self._routes: Cache[tuple[str, str, str], str] = Cache()
        self._accounts: Cache[str, tuple[Account, Channel]] = Cache()
        self._hosts: Cache[tuple[str, str], tuple[App, Host]] = Cache()
        self._serials_asked: dict[str, float] = {}

    async def channel_for(self, merchant_id: str, channel: str, app_id: str) -> tuple[Account, Channel]:
        """The active account that payments of this app ("": of no app) go through, and its channel.

        Raises Refusal `unknown_channel`, or `no_account` where the merchant has none for it.
        """
        if channel not in channels.channel_names():
            raise Refusal("unknown_channel", 400, channel=channel)
        account_id = await self._routes.get(
            (merchant_id, channel, app_id),
            lambda _: store.paying_account_id(self._db, merchant_id, channel, app_id),
        )
        if account_id is None:
            raise Refusal("no_account", 409, channel=channel, app_id=app_id)
        return await self.account(account_id)

    async def account(self, account_id: str) -> tuple[Account, Channel]:
        """An account, active or not, by its opaque id, and its channel. Raises Refusal `unknown_account`."""
        found = None
        if ids.is_id(account_id, "acc"):
            found = await self._accounts.get(account_id, lambda known: self._open_account(account_id, known))
        if found is None:
            raise Refusal("unknown_account", 404, account_id=account_id)
        return found

    def notify_url(self, account: Account) -> str:
        """Where the account's gateway is to send its notifications."""
        return f"{self.public_url}/notify/{account.channel}/{account.account_id}"

    async def host_for(self, host: str, app_id: str) -> tuple[App, Host]:
        """The app of that name and its host platform. Raises Refusal `unknown_host` or `unknown_app`."""
        if host not in hosts.host_names():
            raise Refusal("unknown_host", 400, host=host)
        found = await self._hosts.get((host, app_id), lambda known: self._open_host(host, app_id, known))
        if found is None:
            raise Refusal("unknown_app", 404, host=host, app_id=app_id)
        return found

    async def unknown_serial(self, account_id: str) -> None:
        """The gateway named a key of its own that we do not have: fetch its keys now.

        Anyone can send a notice that names one, so an account's keys are fetched for it every five minutes at most.
        """
        account, _ = await self.account(account_id)
        asked_at = self._serials_asked.get(account_id)
        if asked_at is not None and time.monotonic() < asked_at + _SERIAL_PAUSE_SECONDS:
            return
        self._serials_asked[account_id] = time.monotonic()
        async with self._db.tx() as tx:
            store.make_keys_due(tx, account, self._now())
            tx.after_commit(lambda: signals.send("accounts"))

    def forget(self) -> None:
        """Look again at once whether anything has changed."""
        self._routes.forget()
        self._accounts.forget()
        self._hosts.forget()

    async def _open_account(
        self, account_id: str, known: tuple[Account, Channel] | None
    ) -> tuple[Account, Channel] | None:
        account = await store.account(self._db, account_id)
        if account is None:
            return None
        if known and known[0] == account:
            return known
        settings = open_settings(self._sealer, account)
        settings.pop("app_ids", None)
        settings["platform_certificates"] = [*settings.get("platform_certificates", ()), *account.platform_keys]
        return account, channels.open_channel(account.channel, settings, self._transport, self._now)

    async def _open_host(self, host: str, app_id: str, known: tuple[App, Host] | None) -> tuple[App, Host] | None:
        app = await store.app_on_host(self._db, host, app_id)
        if app is None:
            return None
        if known and known[0] == app:
            return known
        settings = {**open_settings(self._sealer, app), "app_id": app_id}
        return app, hosts.open_host(host, settings, self._transport)
