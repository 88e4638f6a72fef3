"""A small Alipay client, written for these tests alone: it signs, cuts answers apart and verifies for itself."""

from __future__ import annotations

import base64
import itertools
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate

from tests.sandbox.client import Answer, Control, exchange

CREATE, PAY, PRECREATE = "alipay.trade.create", "alipay.trade.pay", "alipay.trade.precreate"
WAP, PAGE, APP = "alipay.trade.wap.pay", "alipay.trade.page.pay", "alipay.trade.app.pay"
QUERY, CLOSE, CANCEL = "alipay.trade.query", "alipay.trade.close", "alipay.trade.cancel"
REFUND, REFUND_QUERY = "alipay.trade.refund", "alipay.trade.fastpay.refund.query"
OAUTH, SHARE = "alipay.system.oauth.token", "alipay.user.info.share"
FORM = {"Content-Type": "application/x-www-form-urlencoded;charset=utf-8"}
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class App:
    """An app's client, made from what GET /credentials gives. `certified` is certificate mode."""

    credentials: Mapping[str, Any]
    key: RSAPrivateKey
    certified: bool = False

    @classmethod
    def of(cls, credentials: Mapping[str, Any]) -> App:
        # Every test makes a client, and checking a key takes 0.1 s.
        pem = credentials["app_private_key_pem"].encode()
        key = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
        assert isinstance(key, RSAPrivateKey)
        return cls(credentials, key)

    def in_certificate_mode(self) -> App:
        return replace(self, certified=True)

    @property
    def app_id(self) -> str:
        return str(self.credentials["app_id"])

    def trade(self, **changes: Any) -> dict[str, Any]:
        """A mini-program's good trade under a new number; None takes a member away."""
        good = {
            "out_trade_no": f"test{next(_numbers):06d}{secrets.token_hex(4)}",
            "total_amount": "19.90",
            "subject": "拿铁 Latte",
            "product_code": "JSAPI_PAY",
            "op_app_id": self.app_id,
            "buyer_open_id": self.credentials["buyer_open_id"],
        } | changes
        return {name: value for name, value in good.items() if value is not None}

    def plain(self, **changes: Any) -> dict[str, Any]:
        """A trade without a buyer: for codes, browsers and apps."""
        nobody = dict.fromkeys(("product_code", "op_app_id", "buyer_open_id"))
        return self.trade(**{**nobody, **changes})

    def public(self, method: str, content: Any = None, /, **changes: Any) -> dict[str, str]:
        """The parameters of a request, signed; None takes one away before that."""
        given = {
            "app_id": self.app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": beijing(time.time()),
            "version": "1.0",
        }
        if content is not None:
            given["biz_content"] = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        if self.certified:
            given["app_cert_sn"] = self.credentials["app_cert_sn"]
            given["alipay_root_cert_sn"] = self.credentials["alipay_root_cert_sn"]
        given = {name: value for name, value in (given | changes).items() if value is not None}
        return given | {"sign": self.signature(given)}

    def signature(self, given: Mapping[str, str], charset: str = "utf-8") -> str:
        text = "&".join(f"{name}={given[name]}" for name in sorted(given) if given[name] and name != "sign")
        digest = SHA1() if given.get("sign_type") == "RSA" else SHA256()
        return base64.b64encode(self.key.sign(text.encode(charset), PKCS1v15(), digest)).decode()

    def order_string(self, method: str, content: Any, /, **changes: Any) -> str:
        return urlencode(self.public(method, content, **changes))

    def post(self, given: Mapping[str, str], encoding: str = "utf-8") -> Answer:
        return exchange(f"{self.credentials['base_url']}/gateway.do", "POST", FORM, form(given, encoding))

    def ask(self, method: str, content: Any = None, /, **changes: Any) -> dict[str, Any]:
        """One request and its answer, which must be signed as the mode has it."""
        return self.opened(self.post(self.public(method, content, **changes)), method)

    def opened(self, answer: Answer, method: str, charset: str = "utf-8") -> dict[str, Any]:
        """The answer's object, proven."""
        assert answer.status == 200
        text = answer.body.decode(charset)
        whole = json.loads(text)
        root = f"{method.replace('.', '_')}_response"
        root = root if root in whole else "error_response"
        assert list(whole) == [root, *(["alipay_cert_sn"] if self.certified else []), "sign"]
        if self.certified:
            assert whole["alipay_cert_sn"] == self.credentials["alipay_cert_sn"]
        value = text[len(f'{{"{root}":') : text.rindex(',"alipay_cert_sn":' if self.certified else ',"sign":')]
        assert self.proves(value.encode(charset), whole["sign"])
        assert value[0] == '"' or "/" not in value.replace("\\/", "")
        content = whole[root]
        content = json.loads(self.decrypted(content)) if isinstance(content, str) else content
        assert isinstance(content, dict)
        return content

    def proves(self, message: bytes, signature: str) -> bool:
        """Whether Alipay signed this."""
        if self.certified:
            key = load_pem_x509_certificate(self.credentials["alipay_cert_pem"].encode()).public_key()
        else:
            key = load_pem_public_key(self.credentials["alipay_public_key_pem"].encode())  # type: ignore[assignment]
        assert isinstance(key, RSAPublicKey)
        try:
            key.verify(base64.b64decode(signature), message, PKCS1v15(), SHA256())
        except InvalidSignature:
            return False
        return True

    def believes(self, parameters: Mapping[str, str]) -> bool:
        """Whether a notification or return URL is Alipay's."""
        text = "&".join(f"{n}={parameters[n]}" for n in sorted(parameters) if n not in ("sign", "sign_type"))
        return self.proves(text.encode(), parameters.get("sign", ""))

    def encrypted(self, text: str) -> str:
        padder = PKCS7(128).padder()
        encryptor = self._cipher().encryptor()
        padded = padder.update(text.encode()) + padder.finalize()
        return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()

    def decrypted(self, text: str) -> str:
        decryptor = self._cipher().decryptor()
        padded = decryptor.update(base64.b64decode(text)) + decryptor.finalize()
        unpadder = PKCS7(128).unpadder()
        return (unpadder.update(padded) + unpadder.finalize()).decode()

    def _cipher(self) -> Cipher[CBC]:
        return Cipher(AES(base64.b64decode(self.credentials["aes_key"])), CBC(bytes(16)))

    def rest(self, path: str, body: Any = None, method: str = "POST", **claims: str) -> Answer:
        """One request of the v3 protocol. `claims` are told instead of the truth."""
        text = body if isinstance(body, str) else json.dumps(body or {}, ensure_ascii=False)
        parts = {"app_id": self.app_id}
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self.certified:
            parts["app_cert_sn"] = self.credentials["app_cert_sn"]
            headers["alipay-root-cert-sn"] = self.credentials["alipay_root_cert_sn"]
        if isinstance(body, str):
            headers |= {"alipay-encrypt-type": "AES", "Content-Type": "text/plain"}
        parts |= {"nonce": secrets.token_hex(8), "timestamp": str(int(time.time() * 1000))} | claims
        auth_string = ",".join(f"{name}={value}" for name, value in parts.items() if name != "sign")
        message = f"{auth_string}\n{method}\n{path}\n{text}\n".encode()
        signature = base64.b64encode(self.key.sign(message, PKCS1v15(), SHA256())).decode()
        headers["Authorization"] = f"ALIPAY-SHA256withRSA {auth_string},sign={claims.get('sign', signature)}"
        return exchange(self.credentials["base_url"] + path, method, headers, text.encode())

    def proves_rest(self, answer: Answer) -> bool:
        stamp, nonce = answer.headers["alipay-timestamp"], answer.headers["alipay-nonce"]
        message = f"{stamp}\n{nonce}\n".encode() + answer.body + b"\n"
        return self.proves(message, answer.headers["alipay-signature"])


def form(given: Mapping[str, str], encoding: str = "utf-8") -> bytes:
    return urlencode(given, encoding=encoding).encode()


def letter(answer: Answer) -> dict[str, str]:
    """A notification's fields, decoded once."""
    return dict(parse_qsl(answer.body.decode()))


def beijing(when: float) -> str:
    return f"{datetime.fromtimestamp(when, UTC) + timedelta(hours=8):%Y-%m-%d %H:%M:%S}"


def new_app(control: Control, **wish: Any) -> App:
    return App.of(control.post("/alipay/merchants", **wish))


def paid(control: Control, app: App, **changes: Any) -> dict[str, Any]:
    """A mini-program's trade that is paid, as it was asked for."""
    notify_url = changes.pop("notify_url", None)
    trade = app.trade(**changes)
    assert app.ask(CREATE, trade, notify_url=notify_url)["code"] == "10000"
    control.post("/alipay/buyer/pay", out_trade_no=trade["out_trade_no"])
    return trade
