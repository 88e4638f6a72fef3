"""`tongbao code`: a shop's codes from the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from tongbao.cli import main
from tongbao.kit import ids

Tongbao = Callable[..., Result]


@pytest.fixture
def tongbao(module_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tongbao:
    """Run a command: `tongbao("code list mch1")`; `*more` are further words."""
    monkeypatch.setenv("TONGBAO_DATABASE_URL", module_database_url)
    monkeypatch.setenv("TONGBAO_DATA", str(tmp_path))
    monkeypatch.setenv("TONGBAO_PUBLIC_URL", "https://pay.example.com")

    def run(words: str, *more: str) -> Result:
        return CliRunner().invoke(main, [*words.split(), *more], catch_exceptions=False)

    return run


def answered(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture
def merchant_id(tongbao: Tongbao) -> str:
    return str(answered(tongbao("merchant create --json", "豆子咖啡"))["id"])


def made(tongbao: Tongbao, merchant_id: str, *more: str) -> Any:
    return answered(tongbao(f"code create {merchant_id} --json --name", "豆子 & <店>", "--subject", "咖啡", *more))


def test_a_code_is_made_listed_and_disabled(tongbao: Tongbao, merchant_id: str) -> None:
    code = made(tongbao, merchant_id, "--least", "100", "--most", "20000")
    assert (code["least"], code["most"], code["status"]) == ("1.00", "200.00", "active")
    assert answered(tongbao(f"code list {merchant_id} --json")) == [code]
    for _ in range(2):
        assert answered(tongbao(f"code disable {merchant_id} {code['id']} --json"))["status"] == "disabled"
    assert "disabled" in tongbao(f"code list {merchant_id}").output


def test_a_code_is_printed_with_the_public_address(tongbao: Tongbao, merchant_id: str, tmp_path: Path) -> None:
    code_id = made(tongbao, merchant_id)["id"]
    svg, png = tmp_path / "code.svg", tmp_path / "code.png"
    for file in (svg, png):
        assert tongbao(f"code print {merchant_id} {code_id} {file} --size 600").exit_code == 0
    text = next(ElementTree.parse(svg).getroot().iter("{http://www.w3.org/2000/svg}text"))
    assert text.text == "豆子 & <店>"
    assert png.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"


def test_what_cannot_be_done_is_told_in_one_line(tongbao: Tongbao, merchant_id: str, tmp_path: Path) -> None:
    create = f"code create {merchant_id} --subject x --name"
    for result, told in (
        (tongbao(f"code disable {merchant_id} {ids.new('cod')}"), "no code"),
        (tongbao(f"code print {merchant_id} {ids.new('cod')} {tmp_path / 'x.png'}"), "no code"),
        (tongbao(f"code print {merchant_id} x {tmp_path / 'x.gif'}"), ".svg or .png"),
        (tongbao(f"code create {ids.new('mch')} --subject x --name x"), "no merchant"),
        (tongbao(create, " x"), "printable"),
        (tongbao(f"{create} x --least 2 --most 1"), "most"),
    ):
        assert result.exit_code == 2
        assert told in result.output
