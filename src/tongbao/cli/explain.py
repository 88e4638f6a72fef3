"""`tongbao explain …`: the story of an order or a notice in words, where it stands, and what to do next."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from tongbao import explanations
from tongbao.app import House
from tongbao.cli.context import Context, Failure, as_json, pass_context, show
from tongbao.kit.money import yuan
from tongbao.kit.words import Words

_KINDS = {
    "order": Words("order", "订单"),
    "attempt": Words("payment", "支付"),
    "call": Words("call", "询问"),
    "notice": Words("notice", "通知"),
    "refund": Words("refund", "退款"),
    "case": Words("case", "个案"),
    "ledger": Words("ledger", "账本"),
    "webhook": Words("webhook", "推送"),
}
_STANDS = Words("Where it stands", "现状")
_NEXT = Words("What to do next", "下一步")
_NOTHING = Words("Nothing", "无需处理")
_STORY = Words("What happened", "经过")
_VERDICT = Words("Verdict", "结论")
_WRONG = Words("What is wrong", "问题所在")
_CURE = Words("The cure", "处理办法")
_PROVEN_FOR = Words("It is proven for", "可以验证此通知的账户")
_ACCOUNT = Words("account {account_id} of merchant {merchant_id}", "商户 {merchant_id} 的账户 {account_id}")


@click.command()
@click.argument("some_id", metavar="ORDER|NOTICE")
@click.option("--lang", "language", type=click.Choice(["en", "zh"]), help="The language; else as the terminal's.")
@as_json
@pass_context
def explain(context: Context, some_id: str, language: str | None, as_json: bool) -> None:
    """Tell the story of an order, where it stands and what to do next; or why a notice was refused.

    The id of a payment, a refund or a case leads to its order.
    """
    language = language or _terminals_language()
    view = context.with_house(lambda house: _explained(house, some_id, language))
    if as_json:
        show(view, as_json)
    elif "story" in view:
        _print_order(view, language)
    else:
        _print_notice(view, language)


async def _explained(house: House, some_id: str, language: str) -> dict[str, Any]:
    db, directory = house.db, house.directory
    subject = await explanations.find(db, some_id)
    if subject is None:
        raise Failure(f"There is no order, payment, refund, case or notice {some_id}: give the whole id")
    view, merchant_id = {"merchant_id": subject.merchant_id}, subject.merchant_id
    if subject.order_id:
        order = await explanations.explain_order(db, directory, merchant_id, subject.order_id)
        return view | explanations.explanation_view(order, language)
    assert subject.notice_id is not None
    notice = await explanations.explain_notice(db, directory, merchant_id, subject.notice_id)
    others = await explanations.proven_elsewhere(db, directory, merchant_id, subject.notice_id)
    proven_for = [{"account_id": each.account_id, "merchant_id": each.merchant_id} for each in others]
    return view | explanations.notice_view(notice, language) | {"proven_for": proven_for}


def _print_order(view: Mapping[str, Any], language: str) -> None:
    click.secho(f"{view['order_id']} ({view['merchant_id']})", bold=True)
    _print_part(_STANDS.speak(language), [view["stands"]["text"]])
    _print_part(_NEXT.speak(language), [step["text"] for step in view["next"]] or [_NOTHING.speak(language)])
    click.secho(f"\n{_STORY.speak(language)}", bold=True)
    kinds = {kind: words.speak(language) for kind, words in _KINDS.items()}
    # Within a language all are Latin letters, or all are two Chinese characters: counting letters aligns them.
    kind_width = max(map(len, kinds.values()))
    money_width = max(len(_money(line)) for line in view["story"])
    shown: set[str] = set()
    for line in view["story"]:
        cure = line.get("cure", "")
        cells = f"{_time(line['at'])}  {kinds[line['kind']]:<{kind_width}}  {_money(line):>{money_width}}"
        click.secho(f"  {cells}  {line['text']}", fg="yellow" if cure else None)
        if cure and cure not in shown:
            click.secho(f"    ↳ {cure}", dim=True)
        shown.add(cure)


def _print_notice(view: Mapping[str, Any], language: str) -> None:
    click.secho(f"{view['notice_id']} ({view['merchant_id']}), {_time(view['received_at'])}", bold=True)
    _print_part(_VERDICT.speak(language), [f"{view['verdict']}: {view['detail']}"])
    _print_part(_WRONG.speak(language), [f"{view['wrong']}: {view['finding']}"])
    _print_part(_CURE.speak(language), [view["cure"]])
    if view["proven_for"]:
        _print_part(_PROVEN_FOR.speak(language), [_ACCOUNT.speak(language).format_map(o) for o in view["proven_for"]])


def _print_part(title: str, lines: Sequence[str]) -> None:
    click.secho(f"\n{title}", bold=True)
    for line in lines:
        click.echo(f"  {line}")


def _terminals_language() -> str:
    """What the terminal is set to (POSIX, 8.2: the first of these that is not empty)."""
    locale = next(filter(None, map(os.environ.get, ("LC_ALL", "LC_MESSAGES", "LANG"))), "")
    return "zh" if locale.startswith("zh") else "en"


def _time(moment: datetime) -> str:
    """The operator's own time, with its zone."""
    return moment.astimezone().isoformat(" ", "milliseconds")


def _money(line: Mapping[str, Any]) -> str:
    return f"¥{yuan(line['amount'])}" if "amount" in line else ""
