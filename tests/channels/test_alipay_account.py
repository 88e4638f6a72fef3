from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.channels.alipay_account import settings
from tests.protocols.alipay_vectors import NOW, SELLER_ID
from tests.protocols.certificate_authority import Authority
from tongbao import channels
from tongbao.kit import clock
from tongbao.kit.errors import Refusal


def refused(**changes: Any) -> str:
    with pytest.raises(Refusal) as caught:
        channels.validate_account("alipay", settings(**changes))
    assert (caught.value.code, caught.value.status) == ("invalid_account", 400)
    assert caught.value.values["reason"]
    return str(caught.value.values["field"])


def test_an_account_is_known_by_its_sellers_number() -> None:
    assert channels.validate_account("alipay", settings()) == SELLER_ID


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seller_id", None),
        ("seller_id", "1230000109"),
        ("app_id", "wx1"),
        ("app_private_key_pem", "nonsense"),
        ("alipay_public_key_pem", None),
        ("aes_key", "short"),
        ("base_url", "https://openapi.alipay.com/gateway.do"),
        ("timeout_seconds", 0),
        ("timeout_seconds", True),
        ("app_secret", "x"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_by_its_name(name: str, value: object) -> None:
    assert refused(**{name: value}) == name


def test_a_certificate_is_looked_at_when_an_account_is_entered_and_not_when_it_is_opened(
    transport: aiohttp.ClientSession,
) -> None:
    authority = Authority(clock.now())
    assert channels.validate_account("alipay", settings(**authority.settings())) == SELLER_ID
    ended = authority.settings(alipay_cert_pem=authority.alipay(begins=-9, ends=-1))
    assert refused(**ended) == "alipay_cert_pem"
    channels.open_channel("alipay", settings(**ended), transport, lambda: NOW)


def test_what_must_be_sealed_is_named() -> None:
    assert channels.secret_fields("alipay") == {"app_private_key_pem", "aes_key"}
