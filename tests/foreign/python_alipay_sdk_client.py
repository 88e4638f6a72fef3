"""A shop written with PyPI's python-alipay-sdk, as its documentation shows; only its gateway's address is changed.

Runs in an environment of its own: `python python_alipay_sdk_client.py CONTROL_URL key|certificate`. Writes what
happened as JSON.
"""

from __future__ import annotations

import http.server
import json
import queue
import sys
import threading
import urllib.request
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from alipay import AliPay, DCAliPay  # type: ignore[import-not-found]
from alipay.exceptions import AliPayException  # type: ignore[import-not-found]

Letters = queue.Queue[dict[str, str]]


def main(control_url: str, mode: str) -> dict[str, Any]:
    """Every way to pay, a refund, a cancellation and a log-in; the story as facts."""
    letters: Letters = queue.Queue()
    with urllib.request.urlopen(f"{control_url}/credentials") as answer:
        ours = json.load(answer)["alipay"]
    with Door(letters) as door:
        alipay = client(ours, mode, f"http://127.0.0.1:{door.server_port}/notify")
        shop = Shop(control_url, ours, alipay, letters)
        story: dict[str, Any] = {"create": shop.created(), "precreate": shop.scanned(), "counter": shop.counter()}
        story |= {way: shop.ordered(way) for way in ("wap", "page", "app")}
        story |= {"login": shop.logged_in(), "numbers": numbers(alipay) if mode == "certificate" else []}
        door.shutdown()
    return story


def client(ours: dict[str, Any], mode: str, notify_url: str) -> Any:
    """The library's own object, in key or certificate mode."""
    settings = {"appid": ours["app_id"], "app_notify_url": notify_url}
    settings["app_private_key_string"] = ours["app_private_key_pem"]
    if mode == "key":
        alipay = AliPay(**settings, alipay_public_key_string=ours["alipay_public_key_pem"])
    else:
        alipay = DCAliPay(
            **settings,
            app_public_key_cert_string=ours["app_cert_pem"],
            alipay_public_key_cert_string=ours["alipay_cert_pem"],
            alipay_root_cert_string=ours["alipay_root_cert_pem"],
        )
    alipay._gateway = f"{ours['base_url']}/gateway.do"
    return alipay


def numbers(alipay: Any) -> list[str]:
    """What the library makes of the certificates."""
    return [alipay.app_cert_sn, alipay.alipay_root_cert_sn]


class Shop:
    """The library, the pretend buyer, and what is told at the notify_url."""

    def __init__(self, control_url: str, ours: dict[str, Any], alipay: Any, letters: Letters) -> None:
        self._control_url = control_url
        self._ours = ours
        self._alipay = alipay
        self._letters = letters

    def created(self) -> dict[str, Any]:
        """A mini-program's trade: paid, told, asked about, half given back, closed too late."""
        number, alipay, story = uuid.uuid4().hex, self._alipay, dict[str, Any]()
        story["out_trade_no"] = number
        story["created"] = alipay.api_alipay_trade_create("拿铁", number, "19.90", buyer_id=self._ours["buyer_id"])
        story["paid"] = self._buyer("pay", tradeNO=story["created"]["trade_no"])
        story["told"] = self._told()
        story["queried"] = alipay.api_alipay_trade_query(out_trade_no=number)
        story["refunded"] = alipay.api_alipay_trade_refund("9.90", out_trade_no=number, out_request_no="half")
        story["refund_told"] = self._told()
        story["refund_queried"] = alipay.api_alipay_trade_fastpay_refund_query("half", out_trade_no=number)
        story["closed"] = alipay.api_alipay_trade_close(out_trade_no=number)
        return story

    def scanned(self) -> dict[str, Any]:
        """A QR code: nothing until it is scanned, cancelled after it was paid."""
        number, alipay, story = uuid.uuid4().hex, self._alipay, dict[str, Any]()
        story["code"] = alipay.api_alipay_trade_precreate("拿铁", number, "19.90")
        story["before"] = alipay.api_alipay_trade_query(out_trade_no=number)
        self._buyer("scan", qr_code=story["code"]["qr_code"])
        story["told"] = self._told()
        story["cancelled"] = alipay.api_alipay_trade_cancel(out_trade_no=number)
        story["cancel_told"] = self._told()
        return story

    def counter(self) -> dict[str, Any]:
        """Payment codes: one that pays, one that asks for the password, one that is unknown."""

        def charge(code: str) -> tuple[str, Any]:
            number = uuid.uuid4().hex
            return number, self._alipay.api_alipay_trade_pay(number, "bar_code", code, "拿铁", total_amount="1.00")

        story = {"at_once": charge(self._buyer("code")["auth_code"])[1], "told": self._told()}
        number, story["waiting"] = charge(self._buyer("code", behaviour="password")["auth_code"])
        self._buyer("password", out_trade_no=number)
        story |= {"later_told": self._told(), "later": self._alipay.api_alipay_trade_query(out_trade_no=number)}
        return story | {"unknown": charge("280000000000000000")[1]}

    def ordered(self, way: str) -> dict[str, Any]:
        """A signed order that a browser or an app opens, and the way back."""
        make: Callable[..., str] = getattr(self._alipay, f"api_alipay_trade_{way}_pay")
        back = {} if way == "app" else {"return_url": "http://127.0.0.1:9/back"}
        order = make("拿铁", uuid.uuid4().hex, "19.90", **back)
        story = {"paid": self._buyer("pay", order_string=order), "told": self._told()}
        if "return_url" in story["paid"]:
            returned = dict(parse_qsl(story["paid"]["return_url"].partition("?")[2]))
            story["believed"] = self._alipay.verify(returned, returned.pop("sign"))
        return story

    def logged_in(self) -> dict[str, Any]:
        """A log-in code for tokens, tokens for a profile, and a code that is unknown."""
        ask = self._alipay.server_api
        code = self._buyer("login", scopes=["auth_user"])["auth_code"]
        token = ask("alipay.system.oauth.token", grant_type="authorization_code", code=code)
        story = {"token": token, "profile": ask("alipay.user.info.share", auth_token=token["access_token"])}
        try:
            ask("alipay.system.oauth.token", grant_type="authorization_code", code=code)
        except AliPayException as refusal:
            story["again"] = str(refusal)
        return story

    def _told(self) -> dict[str, Any]:
        """The next notification, and whether the library believes it, and a changed copy."""
        told = self._letters.get(timeout=10)
        sign = told.pop("sign")
        believed = self._alipay.verify(dict(told), sign)
        changed = self._alipay.verify({**told, "total_amount": "0.02"}, sign)
        return told | {"believed": believed, "changed_believed": changed}

    def _buyer(self, verb: str, **wish: Any) -> Any:
        """The pretend buyer's side of things."""
        url = f"{self._control_url}/alipay/buyer/{verb}"
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(wish).encode())) as answer:
            return json.load(answer)


class Door(http.server.ThreadingHTTPServer):
    """The shop's notify_url."""

    def __init__(self, letters: Letters) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                letters.put(dict(parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode())))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"success")

            def log_message(self, format: str, *args: object) -> None:
                return

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


if __name__ == "__main__":
    json.dump(main(sys.argv[1], sys.argv[2]), sys.stdout)
