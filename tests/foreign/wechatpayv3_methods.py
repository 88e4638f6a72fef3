"""The same shop's other ways to be paid, with PyPI's wechatpayv3: a code to scan, an H5 page, an app, a payment code.

Runs in an environment of its own: `python wechatpayv3_methods.py CONTROL_URL certificate|public_key`. Writes what
happened as JSON.
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from typing import Any

from wechatpayv3 import WeChatPayType  # type: ignore[import-not-found]
from wechatpayv3_client import Letters, control, shop  # type: ignore[import-not-found]

AMOUNT = {"total": 1990, "currency": "CNY"}


def main(control_url: str, mode: str) -> dict[str, Any]:
    """Each method once, from order to refund; the story as facts."""
    with shop(control_url, mode) as (wxpay, _, letters):
        return {
            "native": prepaid(wxpay, control_url, letters, WeChatPayType.NATIVE, "code_url"),
            "h5": prepaid(wxpay, control_url, letters, WeChatPayType.H5, "h5_url"),
            "app": prepaid(wxpay, control_url, letters, WeChatPayType.APP, "prepay_id"),
            "codes": payment_codes(wxpay, control_url),
        }


def prepaid(wxpay: Any, control_url: str, letters: Letters, method: Any, ticket: str) -> dict[str, Any]:
    """The order, the buyer's payment, the callback, the query, and a part that goes back."""
    out_trade_no, story = uuid.uuid4().hex, dict[str, Any]()
    scene: dict[str, Any] = {"payer_client_ip": "14.23.150.211"}
    if method == WeChatPayType.H5:
        scene |= {"h5_info": {"type": "Wap"}}
    goods = {"description": "拿铁", "out_trade_no": out_trade_no, "amount": AMOUNT}
    story["order"] = wxpay.pay(**goods, scene_info=scene, pay_type=method)
    name = {ticket: json.loads(story["order"][1])[ticket]}
    if method == WeChatPayType.APP:
        name = app_sheet(wxpay, name["prepay_id"])
    verb = "scan" if method == WeChatPayType.NATIVE else "pay"
    story["paid"] = control(control_url, "POST", f"/wechat/buyer/{verb}", name)
    story["callback"] = wxpay.callback(*letters.get(timeout=5))
    story["query"] = wxpay.query(out_trade_no=out_trade_no)
    amount = {"refund": 500, "total": 1990, "currency": "CNY"}
    story["refund"] = wxpay.refund(uuid.uuid4().hex, amount, out_trade_no=out_trade_no)
    story["refund_told"] = wxpay.callback(*letters.get(timeout=10))
    return story


def app_sheet(wxpay: Any, prepay_id: str) -> dict[str, str]:
    """What the app's SDK is given."""
    stamp, nonce = str(int(time.time())), uuid.uuid4().hex
    sheet = {"appId": wxpay._appid, "partnerId": wxpay._mchid, "prepayId": prepay_id, "packageValue": "Sign=WXPay"}
    return sheet | {"nonceStr": nonce, "timeStamp": stamp, "sign": wxpay.sign([wxpay._appid, stamp, nonce, prepay_id])}


def payment_codes(wxpay: Any, control_url: str) -> dict[str, Any]:
    """One paid at once and reversed, one after its password, one reversed while the phone asks for it."""
    story = dict[str, Any]()
    paid, story["at_once"] = charged(wxpay, control_url, "pay")
    story["reversed"] = wxpay.codepay_reverse(paid)
    story["after_reversal"] = wxpay.query(out_trade_no=paid)
    asked, story["asked"] = charged(wxpay, control_url, "password")
    story["waiting"] = wxpay.query(out_trade_no=asked)
    control(control_url, "POST", "/wechat/buyer/password", {"out_trade_no": asked})
    story["answered"] = wxpay.query(out_trade_no=asked)
    ignored, _ = charged(wxpay, control_url, "timeout")
    story["given_up"] = wxpay.codepay_reverse(ignored)
    story["never"] = wxpay.query(out_trade_no=ignored)
    _, story["refused"] = charged(wxpay, control_url, "fail")
    return story


def charged(wxpay: Any, control_url: str, behaviour: str) -> tuple[str, Any]:
    """A payment code of such a buyer, charged: the number and the answer."""
    out_trade_no = uuid.uuid4().hex
    code = control(control_url, "POST", "/wechat/buyer/code", {"behaviour": behaviour})["auth_code"]
    goods = {"description": "拿铁", "out_trade_no": out_trade_no, "amount": AMOUNT}
    scene = {"store_info": {"out_id": "A1"}}
    return out_trade_no, wxpay.pay(**goods, payer={"auth_code": code}, scene_info=scene, pay_type=WeChatPayType.CODEPAY)


if __name__ == "__main__":
    json.dump(main(sys.argv[1], sys.argv[2]), sys.stdout)
