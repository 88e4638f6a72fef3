"""What GET /v3/certificates answers (protocol 1.5)."""

from __future__ import annotations

from tongbao_sandbox.clock import rfc3339
from tongbao_sandbox.wechat import errors, signing
from tongbao_sandbox.wechat.credentials import Merchant


def listing(merchant: Merchant, algorithm_type: str) -> dict[str, object]:
    """The merchant's platform certificate, sealed with its APIv3 key. Raises Refusal for a merchant that has none."""
    if algorithm_type not in ("RSA", "SM2", "ALL"):
        raise errors.parameter("algorithm_type", "应为 RSA、SM2、ALL 之一", algorithm_type, location="query")
    if not merchant.papers.has_certificate or algorithm_type == "SM2":
        raise errors.no_certificates()
    nonce = signing.new_nonce(12)
    pem = merchant.papers.platform_certificate_pem.encode()
    certificate = {
        "serial_no": merchant.platform_serial,
        "effective_time": rfc3339(merchant.platform_certificate.not_valid_before_utc.timestamp()),
        "expire_time": rfc3339(merchant.platform_certificate.not_valid_after_utc.timestamp()),
        "encrypt_certificate": {
            "algorithm": "AEAD_AES_256_GCM",
            "nonce": nonce,
            "associated_data": "certificate",
            "ciphertext": signing.seal(merchant.cipher, nonce, pem, "certificate"),
        },
    }
    return {"data": [certificate]}
