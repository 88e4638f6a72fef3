"""A small WeChat Pay client and receiver, written for these tests alone: it signs and verifies for itself."""

from __future__ import annotations

import base64
import http.client
import http.server
import itertools
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, OAEP, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

NO_ICON = '<link rel="icon" href="data:,">'
"""What keeps browsers from asking for /favicon.ico, and complaining that there is none."""
JSAPI = "/v3/pay/transactions/jsapi"
REFUNDS = "/v3/refund/domestic/refunds"
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def number(self) -> int:
        """The sub-code that ends the Request-ID."""
        return int(self.headers["request-id"].rpartition("-")[2])


def exchange(url: str, method: str, headers: Mapping[str, str], body: bytes = b"", timeout: float = 10) -> Answer:
    """One HTTP exchange, sending exactly these headers and no others but Host and Content-Length."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, path, body or None, dict(headers))
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Merchant:
    """A merchant's client, made from what GET /credentials gives."""

    credentials: Mapping[str, Any]
    key: RSAPrivateKey

    @classmethod
    def of(cls, credentials: Mapping[str, Any]) -> Merchant:
        # Every test makes a client, and checking a key takes 0.1 s.
        pem = credentials["merchant_private_key_pem"].encode()
        key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, RSAPrivateKey)
        return cls(credentials, key)

    @property
    def mchid(self) -> str:
        return str(self.credentials["mchid"])

    def order(self, **changes: Any) -> dict[str, Any]:
        """A good order under a new number."""
        good: dict[str, Any] = {
            "appid": self.credentials["appid"],
            "mchid": self.mchid,
            "description": "拿铁 Latte",
            "out_trade_no": f"test{next(_numbers):06d}{secrets.token_hex(4)}",
            "notify_url": "http://127.0.0.1:9/nobody",
            "amount": {"total": 1990, "currency": "CNY"},
            "payer": {"openid": self.credentials["openid"]},
        }
        return good | changes

    def claim(self, method: str, path: str, body: bytes, **claims: str) -> dict[str, str]:
        """The five pairs of an Authorization header; `claims` are told instead of the truth, and signed."""
        pairs = {"mchid": self.mchid, "nonce_str": secrets.token_hex(16), "timestamp": str(int(time.time()))}
        pairs |= {"serial_no": self.credentials["merchant_serial"]} | claims
        message = f"{method}\n{path}\n{pairs['timestamp']}\n{pairs['nonce_str']}\n".encode() + body + b"\n"
        signature = base64.b64encode(self.key.sign(message, PKCS1v15(), SHA256())).decode()
        return {**pairs, "signature": claims.get("signature", signature)}

    def call(self, method: str, path: str, body: Any = None, headers: Mapping[str, str | None] | None = None) -> Answer:
        """One signed request. `headers` are added, replace others, or with None take them away."""
        data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode() if body else b""
        return self.send(method, path, data, authorization(self.claim(method, path, data)), headers)

    def send(
        self, method: str, path: str, data: bytes, authorized: str, headers: Mapping[str, str | None] | None = None
    ) -> Answer:
        """One request under the given Authorization header."""
        own = {"Authorization": authorized, "Accept": "application/json", "User-Agent": "test"}
        if data:
            own["Content-Type"] = "application/json"
        wanted = {**own, **(headers or {})}
        kept = {name: value for name, value in wanted.items() if value is not None}
        return exchange(self.credentials["base_url"] + path, method, kept, data)

    def create(self, order: Mapping[str, Any]) -> Answer:
        return self.call("POST", JSAPI, dict(order))

    def query(self, out_trade_no: str) -> Answer:
        return self.call("GET", f"/v3/pay/transactions/out-trade-no/{out_trade_no}?mchid={self.mchid}")

    def close(self, out_trade_no: str) -> Answer:
        return self.call("POST", f"/v3/pay/transactions/out-trade-no/{out_trade_no}/close", {"mchid": self.mchid})

    def refund_of(self, order: Mapping[str, Any], fen: int, **changes: Any) -> dict[str, Any]:
        """A good refund of an order, under a new number."""
        good: dict[str, Any] = {
            "out_trade_no": order["out_trade_no"],
            "out_refund_no": f"back{next(_numbers):06d}{secrets.token_hex(4)}",
            "amount": {"refund": fen, "total": order["amount"]["total"], "currency": "CNY"},
        }
        return good | changes

    def refund(self, wish: Mapping[str, Any]) -> Answer:
        return self.call("POST", REFUNDS, dict(wish))

    def query_refund(self, out_refund_no: str) -> Answer:
        return self.call("GET", f"{REFUNDS}/{quote(out_refund_no)}")

    def redirect(self, refund_id: str, wish: Mapping[str, Any], serial: str | None = None) -> Answer:
        headers = {"Wechatpay-Serial": serial or self.credentials["platform_public_key_id"]}
        return self.call("POST", f"{REFUNDS}/{refund_id}/apply-abnormal-refund", dict(wish), headers)

    def encrypted(self, text: str, pem: str = "platform_public_key_pem") -> str:
        """A sensitive field."""
        key = load_pem_public_key(self.credentials[pem].encode())
        assert isinstance(key, RSAPublicKey)
        return base64.b64encode(key.encrypt(text.encode(), OAEP(MGF1(SHA1()), SHA1(), None))).decode()

    def proves(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the body is signed by the key its headers name."""
        serial = headers["wechatpay-serial"]
        if serial == self.credentials["platform_public_key_id"]:
            key = load_pem_public_key(self.credentials["platform_public_key_pem"].encode())
        else:
            assert serial == self.credentials["platform_serial"]
            key = load_pem_x509_certificate(self.credentials["platform_certificate_pem"].encode()).public_key()
        assert isinstance(key, RSAPublicKey)
        message = f"{headers['wechatpay-timestamp']}\n{headers['wechatpay-nonce']}\n".encode() + body + b"\n"
        try:
            key.verify(base64.b64decode(headers["wechatpay-signature"]), message, PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True

    def opened(self, sealed: Mapping[str, str]) -> bytes:
        """A sealed resource's plaintext."""
        cipher = AESGCM(self.credentials["apiv3_key"].encode())
        data = base64.b64decode(sealed["ciphertext"])
        return cipher.decrypt(sealed["nonce"].encode(), data, sealed["associated_data"].encode())


def authorization(pairs: Mapping[str, str]) -> str:
    """The header's one line."""
    return "WECHATPAY2-SHA256-RSA2048 " + ",".join(f'{name}="{value}"' for name, value in pairs.items())


@dataclass(frozen=True, slots=True)
class Control:
    """The sandbox's control API."""

    url: str

    def get(self, path: str, **query: object) -> Any:
        return self.ask("GET", f"{path}?{urlencode(query)}").json

    def post(self, path: str, **wish: Any) -> Any:
        return self._done("POST", path, wish)

    def put(self, path: str, **wish: Any) -> Any:
        return self._done("PUT", path, wish)

    def ask(self, method: str, path: str, wish: Any = None) -> Answer:
        """One control request, whatever comes of it."""
        body = b"" if wish is None else json.dumps(wish).encode()
        return exchange(self.url + path, method, {"Content-Type": "application/json"}, body, timeout=15)

    def merchant(self) -> Merchant:
        return Merchant.of(self.get("/credentials")["wechat"])

    def faults(self, **dial: Any) -> None:
        self.put("/faults", wechat=dial)

    def log(self, **wanted: object) -> list[dict[str, Any]]:
        entries = self.get("/log", limit=20000, **wanted)["entries"]
        assert isinstance(entries, list)
        return entries

    def _done(self, method: str, path: str, wish: Any) -> Any:
        answer = self.ask(method, path, wish)
        assert answer.status == 200, answer.body
        return answer.json


@dataclass(slots=True)
class Receiver:
    """Somebody's notify_url: keeps what arrives, answers with the status `reply` gives, and unless that is 204 with the
    body `says`."""

    url: str = ""
    received: list[Answer] = field(default_factory=list)
    reply: Callable[[Answer], int] = lambda letter: 204
    says: bytes = b'{"code":"FAIL","message":"not today"}'

    def wait_for(self, count: int, seconds: float = 5) -> list[Answer]:
        """The notifications so far, once there are so many."""
        deadline = time.monotonic() + seconds
        while len(self.received) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.received) >= count, f"{len(self.received)} of {count} notifications arrived"
        return list(self.received)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()

    class Door(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            letter = Answer(0, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.received.append(letter)
            status = receiver.reply(letter)
            answer = b"" if status == 204 else receiver.says
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            return

    class House(http.server.ThreadingHTTPServer):
        request_queue_size = 128  # five, its default, make the sixth wait a second

    server = House(("127.0.0.1", 0), Door)
    receiver.url = f"http://127.0.0.1:{server.server_port}/notify"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def with_credentials(merchant: Merchant, **changes: Any) -> Merchant:
    """The same client, mistaken about something."""
    return replace(merchant, credentials={**merchant.credentials, **changes})
