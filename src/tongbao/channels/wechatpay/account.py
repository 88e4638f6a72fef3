"""One merchant account at WeChat Pay: its settings checked, its keys parsed, once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from tongbao.channels.settings import check
from tongbao.channels.wechatpay.signing import TrustedKey

SECRET_FIELDS = frozenset({"merchant_private_key_pem", "apiv3_key"})
PUBLIC_FIELDS = frozenset(
    {
        "mchid",
        "merchant_serial",
        "app_id",
        "base_url",
        "platform_public_key_id",
        "platform_public_key_pem",
        "platform_certificates",
        "timeout_seconds",
    }
)
_BASE_URL = "https://api.mch.weixin.qq.com"
_LEAST_KEY_BITS = 2048


@dataclass(frozen=True, slots=True)
class Account:
    """Who calls, and whom it believes. `platform_keys` are found by the serial the platform names them with; `app_id`
    is the app that is named where the payer has none."""

    merchant_number: str
    merchant_serial: str
    private_key: RSAPrivateKey = field(repr=False)
    cipher: AESGCM = field(repr=False)
    public_key_id: str | None
    platform_keys: Mapping[str, TrustedKey] = field(repr=False)
    base_url: str
    timeout_seconds: float
    app_id: str | None


def read_account(settings: Mapping[str, Any], *, check_private_key: bool) -> Account:
    """Check and parse the settings of one account. Raises Refusal `invalid_account` with `field` and `reason`.

    The public key and the certificates stand side by side, and either may be missing: a merchant who is moving from
    one to the other needs both (1.6), and an account that has neither yet can fetch its certificates (1.5).
    `check_private_key` proves that the key's numbers belong together, which takes some 30 ms of CPU.
    """
    for name in settings.keys() - SECRET_FIELDS - PUBLIC_FIELDS:
        known = ", ".join(sorted(SECRET_FIELDS | PUBLIC_FIELDS))
        raise check.invalid(name, f"there is no such setting; the settings are {known}")
    public_key_id, public_keys = _public_key(settings)
    return Account(
        merchant_number=check.text(settings, "mchid", r"\d{8,10}", "expected the merchant number: 8 to 10 digits"),
        merchant_serial=check.text(
            settings,
            "merchant_serial",
            r"[0-9A-Fa-f]{8,40}",
            "expected the serial number of the merchant API certificate in hex; "
            "`openssl x509 -in apiclient_cert.pem -noout -serial` prints it",
        ).upper(),
        private_key=_private_key(settings, check_private_key),
        cipher=_cipher(settings),
        public_key_id=public_key_id,
        platform_keys={**_certificates(settings), **public_keys},
        # No path is allowed: a request's signature covers the path that WeChat Pay sees, without any proxy's prefix.
        base_url=check.address(settings, "base_url", _BASE_URL),
        timeout_seconds=check.timeout_seconds(settings),
        app_id=None if settings.get("app_id") is None else _app_id(settings),
    )


def certificate_key(certificate_pem: str) -> TrustedKey:
    """The RSA public key in a platform certificate, trusted until the certificate ends. Raises ValueError."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    key = certificate.public_key()
    if not isinstance(key, RSAPublicKey):
        raise ValueError("not an RSA certificate")
    return TrustedKey(key, certificate.not_valid_after_utc)


def _public_key(settings: Mapping[str, Any]) -> tuple[str | None, dict[str, TrustedKey]]:
    if not (settings.get("platform_public_key_id") or settings.get("platform_public_key_pem")):
        return None, {}
    key_id = check.text(
        settings,
        "platform_public_key_id",
        r"PUB_KEY_ID_\w+",
        "expected PUB_KEY_ID_ and digits: the merchant platform shows it beside the WeChat Pay public key",
    )
    pem = check.text(
        settings, "platform_public_key_pem", r"[\s\S]+", "expected the key that platform_public_key_id names"
    )
    try:
        key = load_pem_public_key(pem.encode())
    except ValueError:
        key = None
    if not isinstance(key, RSAPublicKey):
        raise check.invalid(
            "platform_public_key_pem", "expected the WeChat Pay RSA public key: -----BEGIN PUBLIC KEY-----"
        )
    return key_id, {key_id: TrustedKey(key)}


def _certificates(settings: Mapping[str, Any]) -> dict[str, TrustedKey]:
    keys = {}
    for certificate in settings.get("platform_certificates") or ():
        try:
            keys[str(certificate["serial"])] = certificate_key(certificate["certificate_pem"])
        except (KeyError, TypeError, AttributeError, ValueError):
            reason = "expected a list of {serial, certificate_pem} with RSA certificates of the WeChat Pay platform"
            raise check.invalid("platform_certificates", reason) from None
    return keys


def _private_key(settings: Mapping[str, Any], prove: bool) -> RSAPrivateKey:
    name = "merchant_private_key_pem"
    pem = check.text(settings, name, r"[\s\S]+", "missing: it is the content of apiclient_key.pem")
    try:
        key = load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=not prove)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise check.invalid(
            name, "expected an RSA private key without password: the whole content of apiclient_key.pem"
        )
    if key.key_size < _LEAST_KEY_BITS:
        raise check.invalid(name, f"the key has {key.key_size} bits; WeChat Pay uses {_LEAST_KEY_BITS}")
    return key


def _cipher(settings: Mapping[str, Any]) -> AESGCM:
    reason = "expected the 32 ASCII characters set as APIv3 key on the merchant platform (not the v2 API key)"
    return AESGCM(check.text(settings, "apiv3_key", r"[\x21-\x7e]{32}", reason).encode())


def _app_id(settings: Mapping[str, Any]) -> str:
    return check.text(
        settings,
        "app_id",
        r"wx\w{4,30}",
        "expected an AppID, wx and letters or digits, that is bound to the merchant number (merchant platform: Product "
        "center > AppID accounts); what no mini-program's buyer pays is collected for it: native, h5, app and code",
    )
