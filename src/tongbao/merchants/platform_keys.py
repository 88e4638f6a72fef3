"""The gateways' own certificates, fetched before they are needed: one chore for the accounts of all merchants."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from tongbao.channels import PlatformKey
from tongbao.kit import signals
from tongbao.kit.db import Db
from tongbao.kit.errors import TongbaoError
from tongbao.merchants import store
from tongbao.merchants.directory import Directory
from tongbao.merchants.model import Account

_AT_ONCE = 20
_CLAIM = timedelta(minutes=2)
# "Poll at intervals under 12 hours" (WeChat Pay v3, 1.5); the last tenth of a pause is chance, so that the accounts
# made in one minute do not ask in one minute for ever.
_INTERVAL = timedelta(hours=11)
_RETRY, _LONGEST_RETRY = timedelta(seconds=30), timedelta(hours=1)

_failures: Counter[str] = Counter()
_chance = random.SystemRandom()
log = structlog.get_logger()


async def refresh_platform_keys(db: Db, directory: Directory, now: datetime) -> int:
    """Fetch the gateways' keys for the accounts whose time has come, twenty at once; returns how many it took.

    Twice is harmless: an account is claimed before its gateway is asked, and the same keys change nothing. An account
    whose gateway does not give them keeps those it has, and is tried again soon, then less and less soon.
    """
    due = await store.keys_due(db, now, _AT_ONCE)
    claimed = [account for account in [await store.claim_keys(db, one, now + _CLAIM) for one in due] if account]
    if claimed:
        # Their credentials may have been changed a moment ago, which is why they are due.
        directory.forget()
        await asyncio.gather(*(_refresh(db, directory, account, now) for account in claimed))
    return len(claimed)


async def _refresh(db: Db, directory: Directory, account: Account, now: datetime) -> None:
    keys = account.platform_keys
    try:
        _, channel = await directory.account(account.account_id)
        keys = _merge(keys, await channel.fetch_platform_keys(), now)
        pause = _INTERVAL
        del _failures[account.account_id]
    except TongbaoError as error:
        pause = min(_RETRY * 2 ** min(_failures[account.account_id], 10), _LONGEST_RETRY)
        _failures[account.account_id] += 1
        log.warning("platform_keys_not_fetched", account_id=account.account_id, error=str(error))
    async with db.tx() as tx:
        store.keep_keys(tx, account, keys, now + pause * _chance.uniform(0.9, 1))
        if keys != account.platform_keys:
            tx.after_commit(lambda: signals.send("accounts"))


def _merge(kept: Sequence[Mapping[str, str]], fetched: Sequence[PlatformKey], now: datetime) -> list[Mapping[str, str]]:
    """What is kept and still usable, and what was fetched: an old key may sign for a while beside its successor."""
    usable = {key["serial"]: key for key in kept if datetime.fromisoformat(key["usable_until"]) > now}
    for key in fetched:
        usable[key.serial] = {
            "serial": key.serial,
            "certificate_pem": key.certificate_pem,
            "usable_from": key.usable_from.isoformat(),
            "usable_until": key.usable_until.isoformat(),
        }
    return list(usable.values())
