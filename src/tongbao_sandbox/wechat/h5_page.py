"""The page an h5_url opens: it asks a phone's browser for the money, and sends it back to the shop (protocol 2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from aiohttp import web

from tongbao_sandbox.gateway import ControlError
from tongbao_sandbox.wechat import h5
from tongbao_sandbox.wechat.buyer import Buyer
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.orders import Order

_PAGE = """<!doctype html>
<html lang="zh-CN">
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>微信支付（沙箱）</title><link rel="icon" href="data:,">
<style>body{{font:17px/1.6 system-ui,sans-serif;margin:0;background:#ededed;text-align:center}}
main{{background:#fff;padding:3rem 1rem 2rem}} .sum{{font-size:2.6rem;font-weight:600;margin:.5rem 0}}
button{{display:block;width:12rem;margin:1rem auto;padding:.6rem;border:0;border-radius:.5rem;font:inherit;
background:#07c160;color:#fff}} button.quiet{{background:#f2f2f2;color:#06ae56}}</style>
<main>{content}</main>
</html>
"""
_SHEET = """<p>{description}</p><p class="sum">¥{yuan}</p><p>{shop}</p>
<form method="post" action="{path}">
<input type="hidden" name="url" value="{url}">
<button name="act" value="pay">立即支付</button><button class="quiet" name="act" value="cancel">取消</button>
</form>
"""


class PageRefusal(Exception):
    """What the page shows instead of the pay sheet."""


class H5Page:
    """GET shows the sheet, POST pays or cancels. Paid or not, the buyer ends at the redirect_url if there is one."""

    def __init__(self, merchants: Mapping[str, Merchant], buyer: Buyer) -> None:
        self._merchants = merchants
        self._buyer = buyer

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request. Refusals are pages, too: nobody but a person reads them."""
        try:
            if request.method == "GET":
                return _page(self._sheet(str(request.url), request.headers.get("Referer", "")))
            if request.method == "POST":
                return await self._act(await request.post())
            return web.Response(status=405, text="405 Method Not Allowed")
        except (PageRefusal, ControlError) as refusal:
            return _page(f"<p>{escape(str(refusal))}</p>")

    def _sheet(self, url: str, referer: str) -> str:
        """What is to be paid. Raises PageRefusal or ControlError."""
        order, prepay_id = self._buyer.order({"h5_url": url})
        if not referer:
            raise PageRefusal("商家参数格式有误，请联系商家解决（没有Referer）")
        self._check_domain(order, referer)
        self._redirect(order, url)
        self._buyer.check_payable(order, prepay_id)
        shop, description = f"商户 {order.mchid}", escape(order.params["description"])
        yuan = f"{order.total / 100:.2f}"
        return _SHEET.format(description=description, yuan=yuan, shop=shop, path=h5.PATH, url=escape(url))

    async def _act(self, form: Mapping[str, object]) -> web.Response:
        """Pay or cancel. Raises PageRefusal or ControlError."""
        url = str(form.get("url", ""))
        order, _ = self._buyer.order({"h5_url": url})
        back = self._redirect(order, url)
        if form.get("act") == "pay":
            await self._buyer.pay({"h5_url": url})
        else:
            await self._buyer.abandon({"h5_url": url})
        if back:
            return web.Response(status=303, headers={"Location": back})
        return _page("<p>支付成功</p>" if order.paid_at is not None else "<p>已取消支付</p>")

    def _redirect(self, order: Order, url: str) -> str | None:
        """Where the shop wants its buyer back, if anywhere. Raises PageRefusal."""
        back = h5.redirect_url_in(url)
        if back is not None:
            self._check_domain(order, back)
        return back

    def _check_domain(self, order: Order, url: str) -> None:
        """Pages lie under the domain registered for H5, if one is. Raises PageRefusal."""
        host, domain = h5.host_in(url), self._merchants[order.mchid].papers.h5_domain
        if host is None:
            raise PageRefusal("商家参数格式有误，请联系商家解决")
        if domain is not None and not f".{host}".endswith(f".{domain}"):
            raise PageRefusal("商家存在未配置的参数，请联系商家解决（H5支付域名）")


def _page(content: str) -> web.Response:
    return web.Response(text=_PAGE.format(content=content), content_type="text/html")
