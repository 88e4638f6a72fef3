"""A shop written with PyPI's wechatpayv3, as its documentation shows; only its gateway's address is changed.

Runs in an environment of its own: `python wechatpayv3_client.py CONTROL_URL certificate|public_key`. Writes what
happened as JSON.
"""

from __future__ import annotations

import http.server
import json
import queue
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wechatpayv3 import WeChatPay, WeChatPayType  # type: ignore[import-not-found]

Letters = queue.Queue[tuple[dict[str, str], bytes]]


def main(control_url: str, mode: str) -> dict[str, Any]:
    """One order paid and refunded, one closed; the story as facts."""
    with shop(control_url, mode) as (wxpay, credentials, letters):
        story = paid_order(wxpay, control_url, credentials, letters) | closed_order(wxpay, credentials)
        story |= refunds(wxpay, control_url, story["out_trade_no"], letters)
    return story | {"certificates": [f"{certificate.serial_number:X}" for certificate in wxpay._core._certificates]}


@contextmanager
def shop(control_url: str, mode: str) -> Iterator[tuple[Any, dict[str, Any], Letters]]:
    """The library's object, the credentials it was made from, and what arrives at its notify_url."""
    letters: Letters = queue.Queue()
    with urllib.request.urlopen(f"{control_url}/credentials") as answer:
        credentials = json.load(answer)["wechat"]
    control(control_url, "PUT", "/wechat/merchants", {"signing": mode})
    with tempfile.TemporaryDirectory() as folder, Door(letters) as door:
        notify_url = f"http://127.0.0.1:{door.server_port}/notify"
        yield client(credentials, mode, Path(folder), notify_url), credentials, letters
        door.shutdown()


def client(credentials: dict[str, Any], mode: str, folder: Path, notify_url: str) -> Any:
    """The library's own object. In certificate mode it asks for certificates while it is built, before its gateway
    can be changed; it is spared that by one in its folder, and asked to fetch the list afterwards."""
    settings: dict[str, Any] = {
        "wechatpay_type": WeChatPayType.MINIPROG,
        "mchid": credentials["mchid"],
        "private_key": credentials["merchant_private_key_pem"],
        "cert_serial_no": credentials["merchant_serial"],
        "appid": credentials["appid"],
        "apiv3_key": credentials["apiv3_key"],
        "notify_url": notify_url,
        "timeout": (5, 10),
    }
    if mode == "public_key":
        keys = {"public_key": credentials["platform_public_key_pem"]}
        settings |= keys | {"public_key_id": credentials["platform_public_key_id"]}
    else:
        (folder / "seed.pem").write_text(credentials["platform_certificate_pem"])
        settings["cert_dir"] = str(folder)
    wxpay = WeChatPay(**settings)
    wxpay._core._gate_way = credentials["base_url"]
    if mode == "certificate":
        wxpay._core._update_certificates()
    return wxpay


def paid_order(wxpay: Any, control_url: str, credentials: dict[str, Any], letters: Letters) -> dict[str, Any]:
    """Prepay, the buyer pays, the callback is verified, the order is queried both ways, closing is refused."""
    out_trade_no, story = uuid.uuid4().hex, dict[str, Any]()
    story["out_trade_no"] = out_trade_no
    story["prepay"] = create(wxpay, credentials, out_trade_no)
    package = f"prepay_id={json.loads(story['prepay'][1])['prepay_id']}"
    stamp, nonce = str(int(time.time())), uuid.uuid4().hex
    sheet = {"timeStamp": stamp, "nonceStr": nonce, "package": package, "signType": "RSA"}
    sheet["paySign"] = wxpay.sign([credentials["appid"], stamp, nonce, package])
    story["paid"] = control(control_url, "POST", "/wechat/buyer/pay", sheet)
    headers, body = letters.get(timeout=5)
    story["signed_by"] = headers["Wechatpay-Serial"]
    story["callback"] = wxpay.callback(headers, body)
    story["tampered"] = wxpay.callback(headers, body.replace(b"SUCCESS", b"SUCCESs"))
    story["query"] = wxpay.query(out_trade_no=out_trade_no)
    story["query_by_transaction"] = wxpay.query(transaction_id=story["paid"]["transaction_id"])
    story["close_paid"] = wxpay.close(out_trade_no)
    return story


def closed_order(wxpay: Any, credentials: dict[str, Any]) -> dict[str, Any]:
    """An order closed instead of paid."""
    out_trade_no = uuid.uuid4().hex
    create(wxpay, credentials, out_trade_no)
    status, body = wxpay.close(out_trade_no)
    return {"close": [status, len(body)], "closed": wxpay.query(out_trade_no=out_trade_no)}


def refunds(wxpay: Any, control_url: str, out_trade_no: str, letters: Letters) -> dict[str, Any]:
    """A part of the paid order goes back; another part cannot, and is sent to the buyer's other card."""
    first, second, story = uuid.uuid4().hex, uuid.uuid4().hex, dict[str, Any]()
    amount = {"refund": 500, "total": 1990, "currency": "CNY"}
    story["refund"] = wxpay.refund(first, amount, out_trade_no=out_trade_no, reason="已售完")
    story["refund_told"] = wxpay.callback(*letters.get(timeout=10))
    story["refund_query"] = wxpay.query_refund(first)
    story["query_after_refund"] = wxpay.query(out_trade_no=out_trade_no)
    control(control_url, "PUT", "/faults", {"wechat": {"refund": {"abnormal": 1}}})
    refund_id = json.loads(wxpay.refund(second, amount, out_trade_no=out_trade_no)[1])["refund_id"]
    story["abnormal_told"] = wxpay.callback(*letters.get(timeout=10))
    card = {"bank_type": "ICBC_DEBIT", "bank_account": "6222021234567890123", "real_name": "李雷"}
    story["redirected"] = wxpay.abnormal_refund(refund_id, second, "USER_BANK_CARD", **card)
    story["redirected_told"] = wxpay.callback(*letters.get(timeout=10))
    story["unknown_refund"] = wxpay.query_refund(uuid.uuid4().hex)
    control(control_url, "PUT", "/faults", {})
    return story


def create(wxpay: Any, credentials: dict[str, Any], out_trade_no: str) -> Any:
    amount, payer = {"total": 1990, "currency": "CNY"}, {"openid": credentials["openid"]}
    return wxpay.pay(description="拿铁", out_trade_no=out_trade_no, amount=amount, payer=payer)


def control(control_url: str, method: str, path: str, wish: dict[str, Any]) -> Any:
    """The pretend buyer's side of things."""
    request = urllib.request.Request(control_url + path, json.dumps(wish).encode(), method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


class Door(http.server.ThreadingHTTPServer):
    """The shop's notify_url."""

    def __init__(self, letters: Letters) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                letters.put((dict(self.headers.items()), body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()


if __name__ == "__main__":
    json.dump(main(sys.argv[1], sys.argv[2]), sys.stdout)
