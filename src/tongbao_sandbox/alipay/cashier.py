"""The pay page a browser gets to by a wap or page URL, or by scanning a code: amount, title, pay or cancel (protocol
4.7). Then the browser goes back to the merchant."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from urllib.parse import parse_qs

from aiohttp import web

from tongbao_sandbox.alipay import answers, returning
from tongbao_sandbox.alipay.buyer import Buyer
from tongbao_sandbox.alipay.credentials import App
from tongbao_sandbox.alipay.errors import Refusal
from tongbao_sandbox.alipay.fields import PAGE, WAP
from tongbao_sandbox.alipay.trades import Trade
from tongbao_sandbox.gateway import ControlError, Surroundings

METHODS = (WAP, PAGE)
CODES = "https://qr.alipay.com/"
_PAGE = """<!doctype html>
<html lang="zh-CN"><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>支付宝沙箱</title><link rel="icon" href="data:,">
<style>body{{font:17px/1.5 system-ui,sans-serif;max-width:26rem;margin:0 auto;padding:1.5rem;text-align:center}}
h1{{font-size:1rem;color:#1677ff}} .amount{{font-size:2.5rem;font-weight:600;margin:1rem 0 .25rem}}
p{{color:#555;overflow-wrap:anywhere}} button{{width:100%;padding:.8rem;margin:.4rem 0;border:0;border-radius:.5rem;
font-size:1.05rem}} .pay{{background:#1677ff;color:#fff}} .cancel{{background:#eee;color:#333}}</style>
<h1>支付宝沙箱 · Alipay sandbox</h1>
{content}
</html>
"""
_ASK = """<div class="amount">¥{amount}</div><p>{subject}</p><p><small>{number}</small></p>
<form method="post" action="/cashier/{trade_no}">
<button class="pay" name="act" value="pay">确认付款</button>
<button class="cancel" name="act" value="cancel">取消</button></form>"""


class Cashier:
    """Its buyer is the app's first one, unless the trade is another's."""

    def __init__(self, around: Surroundings, apps: Mapping[str, App], buyer: Buyer) -> None:
        self._around = around
        self._apps = apps
        self._buyer = buyer

    def open(self, order_string: str) -> web.Response:
        """The page of a signed order."""
        try:
            return self._ask(self._buyer.ordered(order_string))
        except Refusal as refusal:
            self._around.log.write("alipay", "request", "cashier", f"{refusal.code} {refusal.sub_code}")
            return _page(f"<p>{escape(refusal.sub_code)}</p><p>{escape(refusal.sub_msg)}</p>", 200)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """A page of a trade or code, and the tap on one of its buttons."""
        _, kind, number = request.path.split("/", 2)
        try:
            named = {"qr_code": CODES + number} if kind == "qr" else {"tradeNO": number}
            trade = self._buyer.trade(named)
            act = parse_qs((await request.read()).decode(errors="replace")).get("act", [""])[0]
            if request.method != "POST" or not act:
                return self._ask(trade)
            return await (self._pay(trade) if act == "pay" else self._cancel(trade))
        except ControlError as error:
            return _page(f"<p>{escape(str(error))}</p><p><small>{escape(error.code)}</small></p>", error.status)

    def _ask(self, trade: Trade) -> web.Response:
        subject = escape(str(trade.draft.params["subject"]))
        facts = {"amount": answers.yuan(trade.total), "subject": subject, "number": escape(trade.out_trade_no)}
        return _page(_ASK.format(**facts, trade_no=trade.trade_no), 200)

    async def _pay(self, trade: Trade) -> web.Response:
        await self._buyer.pay({"tradeNO": trade.trade_no})
        if trade.draft.return_url and trade.draft.method in METHODS:
            url = returning.return_url(self._apps[trade.app_id], trade, self._around.clock.now())
            return web.Response(status=302, headers={"Location": url})
        return _page(f'<div class="amount">¥{answers.yuan(trade.total)}</div><p>支付成功</p>', 200)

    async def _cancel(self, trade: Trade) -> web.Response:
        await self._buyer.abandon({"tradeNO": trade.trade_no})
        quit_url = str(trade.draft.params.get("quit_url") or "")
        if quit_url.startswith(("http://", "https://")):
            return web.Response(status=302, headers={"Location": quit_url})
        return _page("<p>已取消付款</p>", 200)


def _page(content: str, status: int) -> web.Response:
    return web.Response(text=_PAGE.format(content=content), status=status, content_type="text/html")
