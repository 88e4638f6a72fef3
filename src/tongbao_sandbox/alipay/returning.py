"""How a buyer comes back from the cashier to the merchant: a browser by a signed URL, an app with a signed result
(protocol 4.7)."""

from __future__ import annotations

from tongbao_sandbox.alipay import answers, envelope, letters
from tongbao_sandbox.alipay.asking import Reply
from tongbao_sandbox.alipay.credentials import App
from tongbao_sandbox.alipay.fields import APP, PAGE, WAP
from tongbao_sandbox.alipay.trades import Trade


def back(app: App, trade: Trade, now: float) -> dict[str, object]:
    """What the buyer takes back from a paid trade: `return_url`, `app_result`, or nothing."""
    if trade.draft.method in (WAP, PAGE) and trade.draft.return_url:
        return {"return_url": return_url(app, trade, now)}
    return {"app_result": _app_result(app, trade, now)} if trade.draft.method == APP else {}


def return_url(app: App, trade: Trade, now: float) -> str:
    """The merchant's page with what happened, signed. It never says that the trade is paid."""
    facts = _facts(app, trade, now) | {"method": f"{trade.draft.method}.return", "sign_type": "RSA2", "version": "1.0"}
    return letters.signed_url(app, trade.draft.return_url, facts, certified=trade.draft.certified)


def _app_result(app: App, trade: Trade, now: float) -> dict[str, str]:
    value = envelope.text(Reply(_facts(app, trade, now)))
    signature = app.sign(value.encode(), certified=trade.draft.certified)
    result = f'{{"{envelope.root(APP, Reply())}":{value},"sign":"{signature}","sign_type":"RSA2"}}'
    return {"resultStatus": "9000", "memo": "", "result": result}


def _facts(app: App, trade: Trade, now: float) -> dict[str, str]:
    return answers.numbers(trade) | {
        "app_id": app.app_id,
        "auth_app_id": app.app_id,
        "charset": "utf-8",
        "seller_id": app.seller_id,
        "timestamp": answers.stamp(now),
        "total_amount": answers.yuan(trade.total),
    }
