"""How it shall be paid: from a choice to an attempt, and from an attempt to what the gateway is told."""

from __future__ import annotations

from typing import Any

from tongbao import ways
from tongbao.channels import Channel, Charge, Instalments, Means, Method, Option, PayerKind
from tongbao.kit import clock, ids
from tongbao.kit.errors import Refusal
from tongbao.merchants import Account, Directory
from tongbao.payments import rules
from tongbao.payments.model import Attempt, AttemptState, Choice, Order, Payer

_COUNTER, _BROWSER = "counter", "browser"
_PAYER_KIND, _PAYER_APP = "payer_kind", "payer_app_id"


async def channel_for(
    directory: Directory, merchant_id: str, choice: Choice, payer: Payer | None
) -> tuple[Account, Channel]:
    """The account and channel that a choice means. Raises Refusal as the directory does."""
    return await directory.channel_for(merchant_id, choice.channel, payer.app_id if payer else "")


def new_attempt(
    directory: Directory, order: Order, account: Account, channel: Channel, choice: Choice, payer: Payer | None
) -> Attempt:
    """The attempt that a choice asks for, if it is possible.

    Raises Refusal: `unknown_method`, `unknown_host` (400); `way_forbidden`, `payer_needed`, `payer_ip_needed`,
    `option_unsupported`, `app_needed` (422).
    """
    method = channel.methods.get(choice.method)
    if method is None:
        raise Refusal("unknown_method", 400, method=choice.method, methods=", ".join(sorted(channel.methods)))
    if method.needs_payer and payer is None:
        raise Refusal("payer_needed", 422, method=method.name)
    host = choice.host or (payer.host if payer else _COUNTER if method.scans_buyer else _BROWSER)
    options = _options(order, method, choice)
    ways.check(directory.ways, host, choice.channel, choice.method, options)
    buyer = _buyer(method, host, payer)
    app_id = channel.app_for(buyer.app_id if buyer else None)
    if app_id is None:
        raise Refusal("app_needed", 422, channel=choice.channel, method=choice.method)
    now = clock.now()
    return Attempt(
        merchant_id=order.merchant_id,
        attempt_id=ids.new("pay"),
        order_id=order.order_id,
        account_id=account.account_id,
        channel=choice.channel,
        method=choice.method,
        app_id=app_id,
        payer=buyer.subject if buyer else None,
        amount=order.amount,
        currency=order.currency,
        state=AttemptState.CREATED,
        version=1,
        token=None,
        token_until=None,
        transaction_id=None,
        reason=None,
        created_at=now,
        prepared_at=None,
        settled_at=None,
        paid_at=None,
        ask_at=rules.next_ask_at(0, now, scans_buyer=method.scans_buyer),
        asked=0,
        host=host,
        options=options | _names(buyer, app_id),
    )


def _names(buyer: Payer | None, app_id: str) -> dict[str, str]:
    """What else the gateway must be told to know the buyer: which of its names it is, and under which app it holds."""
    names = {}
    if buyer and buyer.kind != PayerKind.OPEN_ID:
        names[_PAYER_KIND] = buyer.kind
    if buyer and buyer.app_id != app_id:
        names[_PAYER_APP] = buyer.app_id
    return names


def charge_of(directory: Directory, account: Account, order: Order, attempt: Attempt) -> Charge:
    """What the gateway is told of an attempt: the same on every try."""
    options = attempt.options
    instalments = options.get(Option.INSTALMENTS)
    return Charge(
        attempt_id=attempt.attempt_id,
        method=attempt.method,
        amount=attempt.amount,
        currency=attempt.currency,
        subject=order.subject,
        expires_at=order.expires_at,
        notify_url=directory.notify_url(account),
        app_id=attempt.app_id,
        payer=attempt.payer,
        payer_kind=PayerKind(options.get(_PAYER_KIND, PayerKind.OPEN_ID)),
        payer_app_id=options.get(_PAYER_APP, attempt.app_id if attempt.payer else None),
        payer_ip=options.get("payer_ip"),
        return_url=options.get(Option.RETURN_URL),
        instalments=Instalments(**instalments) if instalments else None,
        only=frozenset(Means(name) for name in options.get(Option.ONLY, ())),
        without=frozenset(Means(name) for name in options.get(Option.WITHOUT, ())),
    )


def _options(order: Order, method: Method, choice: Choice) -> dict[str, Any]:
    options = {name: value for name, value in choice.options.items() if value}
    for name in options.keys() & set(Option) - method.options:
        raise Refusal("option_unsupported", 422, option=name, channel=choice.channel, method=method.name)
    if not method.needs_payer_ip:
        options.pop("payer_ip", None)
    elif "payer_ip" not in options:
        raise Refusal("payer_ip_needed", 422, method=method.name)
    if order.return_url and Option.RETURN_URL in method.options:
        options.setdefault(Option.RETURN_URL.value, order.return_url)
    return options


def _buyer(method: Method, host: str, payer: Payer | None) -> Payer | None:
    """Who the gateway is told pays, where it must be told. A name for them that another host gave is of no use."""
    if not method.needs_payer:
        return None
    if payer is None or payer.host != host:
        raise Refusal("payer_needed", 422, method=method.name)
    return payer
