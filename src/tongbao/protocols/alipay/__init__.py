"""Alipay's OpenAPI (`gateway.do`): keys and certificates, signatures, sealed contents, and the call."""

from __future__ import annotations

from tongbao.protocols.alipay.certificates import Certificate
from tongbao.protocols.alipay.client import Client
from tongbao.protocols.alipay.keys import PUBLIC_FIELDS, SECRET_FIELDS, KeyProblem, Keys, TrustedKey, read_keys
from tongbao.protocols.alipay.signing import form_messages, is_signature, is_signed, signed_digest
from tongbao.protocols.alipay.wire import SignedForm, read_form, to_time, to_utc

__all__ = [
    "PUBLIC_FIELDS",
    "SECRET_FIELDS",
    "Certificate",
    "Client",
    "KeyProblem",
    "Keys",
    "SignedForm",
    "TrustedKey",
    "form_messages",
    "is_signature",
    "is_signed",
    "read_form",
    "read_keys",
    "signed_digest",
    "to_time",
    "to_utc",
]
