"""Answers as bytes over `gateway.do`: members in their order, the method's own root, the signature beside it
(protocol 1.5 to 1.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from tongbao_sandbox.alipay import letters, signing
from tongbao_sandbox.alipay.asking import Reply
from tongbao_sandbox.alipay.credentials import App
from tongbao_sandbox.alipay.errors import MESSAGES

ERROR_ROOT = "error_response"
CERTIFICATE_DOWNLOAD = "alipay.open.app.alipaycert.download"
WRONG_KEY, UNSIGNED, CHANGED, OTHER_TRADE = "wrong_key", "unsigned", "changed", "other_trade"
LIES = (WRONG_KEY, UNSIGNED, CHANGED, OTHER_TRADE)
"""How an app's answers can be made untrue: signed by a stranger, not at all, changed after signing, or truly signed
and about another trade."""


def text(reply: Reply) -> str:
    """The value of the root: compact JSON, raw Chinese, slashes escaped, as the real gateway signs it."""
    if reply.refusal is not None:
        return _escaped(reply.refusal.body())
    ordered = dict(sorted(reply.members.items()))
    first = {} if reply.bare else {"code": reply.code, "msg": MESSAGES[reply.code]}
    return _escaped({**first, **ordered})


def root(method: str, reply: Reply) -> str:
    """Under which name the answer stands."""
    nameless = reply.refusal is not None and reply.refusal.nameless
    return ERROR_ROOT if nameless or not method else f"{method.replace('.', '_')}_response"


def sealed(
    app: App, method: str, reply: Reply, sign_type: str, charset: str, *, certified: bool, encrypted: bool
) -> bytes:
    """A whole signed answer. `certified`: in certificate mode, which names the certificate too."""
    lie, value = app.papers.answers, text(reply)
    if lie == OTHER_TRADE and "out_trade_no" in reply.members:
        value = text(Reply({**reply.members, "out_trade_no": f"{reply.members['out_trade_no']}1"}, reply.code))
    if encrypted:
        value = f'"{signing.encrypted(app.papers.aes_key, value)}"'
    message = value.encode(charset, "replace")
    signature = app.sign(message, certified=certified, sign_type=sign_type)
    if lie == WRONG_KEY:
        signature = signing.sign(letters.stranger(), message, sign_type)
    if lie == CHANGED:
        value = changed(value)
    parts = [f'"{root(method, reply)}":{value}']
    if certified and method != CERTIFICATE_DOWNLOAD:
        parts.append(f'"alipay_cert_sn":"{app.alipay_cert_sn}"')
    if lie != UNSIGNED:
        parts.append(f'"sign":"{signature}"')
    return f"{{{','.join(parts)}}}".encode(charset, "replace")


def changed(text: str) -> str:
    """An answer that is not what was signed: a letter more in its message, or else in its first value; where it is
    encrypted, another letter."""
    if not text.startswith("{"):
        return f"{text[0]}{'B' if text[1] == 'A' else 'A'}{text[2:]}"
    place = '"msg":"' if '"msg":"' in text else ':"'
    return text.replace(place, f"{place}!", 1)


def unsigned(method: str, reply: Reply) -> bytes:
    """An answer to somebody unknown, for whom there is no key."""
    return f'{{"{root(method, reply)}":{text(reply)}}}'.encode()


def _escaped(members: Mapping[str, Any]) -> str:
    return orjson.dumps(members).decode().replace("/", "\\/")
