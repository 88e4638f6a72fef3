from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.protocols.alipay_vectors import settings, text
from tests.protocols.certificate_authority import Authority
from tongbao.protocols.alipay import KeyProblem, certificates, read_keys

NOW = datetime(2023, 1, 1, tzinfo=UTC)
OLD = datetime(2030, 1, 1, tzinfo=UTC)
BUNDLE, LEADS, STRANGER = "alipay_root_bundle.crt", "php_v3_alipay_cert.crt", "yansongda_sandbox_alipay_cert.crt"


def problem(**changes: Any) -> str:
    with pytest.raises(KeyProblem) as caught:
        read_keys(settings(**changes), check_at=NOW)
    assert not [value for value in changes.values() if isinstance(value, str) and value in str(caught.value)]
    return caught.value.field


def bare(pem: str) -> str:
    """A key as Alipay's key tool writes it."""
    return "".join(line for line in pem.splitlines() if not line.startswith("-----"))


def test_keys_may_come_without_their_pem_lines() -> None:
    whole = settings()
    keys = read_keys({**whole, **{name: bare(whole[name]) for name in whole if name.endswith("_pem")}}, check_at=NOW)
    expected = read_keys(whole)
    assert keys.private_key.private_numbers() == expected.private_key.private_numbers()
    assert keys.alipay_keys == expected.alipay_keys


def test_a_key_that_cannot_work_is_refused_by_the_name_of_its_setting() -> None:
    assert problem(app_id="2021") == "app_id"
    assert problem(app_private_key_pem=None) == "app_private_key_pem"
    assert problem(app_private_key_pem="c2VjcmV0IQ==") == "app_private_key_pem"
    assert problem(app_private_key_pem=text("keys/chloerei_app_private_1024.pem")) == "app_private_key_pem"
    assert problem(alipay_public_key_pem=None) == "alipay_public_key_pem"
    assert problem(alipay_public_key_pem="-----BEGIN nonsense") == "alipay_public_key_pem"
    assert problem(aes_key="c2hvcnQ=") == "aes_key"
    assert problem(aes_key="密") == "aes_key"


def test_the_apps_own_public_key_is_not_taken_for_alipays() -> None:
    assert problem(alipay_public_key_pem=text("keys/yansongda_sandbox_app_public.pem")) == "alipay_public_key_pem"


def test_secrets_do_not_stand_in_what_keys_look_like() -> None:
    keys = read_keys(settings(aes_key="aYA0GP8JEW+D7/UFaskCWA=="))
    assert keys.aes_key is not None
    assert repr(keys.aes_key) not in repr(keys)
    assert "private" not in repr(keys)


# Certificates


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(NOW)


@pytest.mark.parametrize("name", ["app_cert_pem", "alipay_cert_pem", "alipay_root_cert_pem"])
def test_an_app_in_certificate_mode_needs_all_three(authority: Authority, name: str) -> None:
    assert problem(**authority.settings(**{name: None})) == name
    assert (
        problem(**authority.settings(**{name: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"})) == name
    )


def test_bare_key_and_certificates_exclude_each_other(authority: Authority) -> None:
    both = authority.settings(alipay_public_key_pem=text("keys/nodejs_app_public.pem"))
    assert problem(**both) == "alipay_public_key_pem"


@pytest.mark.parametrize("name", ["app_cert_pem", "alipay_cert_pem"])
def test_a_certificate_that_has_ended_or_not_begun_is_refused_when_it_is_entered(
    authority: Authority, name: str
) -> None:
    issue = authority.app if name == "app_cert_pem" else authority.alipay
    assert problem(**authority.settings(**{name: issue(begins=-20, ends=-1)})) == name
    assert problem(**authority.settings(**{name: issue(begins=1, ends=20)})) == name
    read_keys(settings(**authority.settings(**{name: issue(begins=-20, ends=-1)})))


def test_a_certificate_of_another_chain_is_refused_when_it_is_entered(authority: Authority) -> None:
    assert problem(**authority.settings(alipay_cert_pem=Authority(NOW).alipay())) == "alipay_cert_pem"


def test_an_app_certificate_of_another_key_is_refused(authority: Authority) -> None:
    assert problem(**authority.settings(app_cert_pem=authority.alipay())) == "app_cert_pem"


def test_published_chains_lead_to_the_published_roots_or_not() -> None:
    roots = certificates.read_chain(text(f"certs/{BUNDLE}"))
    good, stranger = (certificates.read_chain(text(f"certs/{name}")) for name in (LEADS, STRANGER))
    assert certificates.leads_to(roots, good, NOW)
    assert not certificates.leads_to(roots, stranger, datetime(2024, 1, 1, tzinfo=UTC))
    assert not certificates.leads_to(roots, good[:1], NOW)
    assert not certificates.leads_to(roots, [stranger[0], *good[1:]], NOW)
    assert not certificates.leads_to(roots, good, datetime(2040, 1, 1, tzinfo=UTC))


def test_whoever_has_a_certificate_cannot_issue_another(authority: Authority) -> None:
    assert problem(**authority.settings(alipay_cert_pem=authority.issued_by_an_app())) == "alipay_cert_pem"


def test_learned_certificates_come_back_with_the_settings_and_must_be_alipays(authority: Authority) -> None:
    new, app = authority.alipay(), authority.app()
    kept = [{"serial": "x", "certificate_pem": pem} for pem in (new, app, Authority(NOW).alipay())]
    keys = read_keys(settings(**authority.settings(platform_certificates=kept)), check_at=NOW)
    known = {certificates.serial_of(certificates.read_chain(pem)[0]) for pem in (authority.alipay_cert_pem, new)}
    assert set(keys.alipay_keys) == known
    assert problem(**authority.settings(platform_certificates=[{}])) == "platform_certificates"
