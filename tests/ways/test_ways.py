"""Which channel may collect where: the table that is shipped, and an operator's changes to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tongbao import channels, hosts, ways
from tongbao.kit.errors import Refusal
from tongbao.kit.words import Words
from tongbao.ways import WaysError

SHIPPED = ways.read()


def refused(table: ways.Ways, *question: object) -> dict[str, object]:
    with pytest.raises(Refusal) as refusal:
        ways.check(table, *question)  # type: ignore[arg-type]
    assert (refusal.value.code, refusal.value.status) == ("way_forbidden", 422)
    return refusal.value.values


def test_what_the_table_speaks_of_is_there() -> None:
    assert set(hosts.host_names()) <= {host for host, _ in SHIPPED.ways}
    assert {channel for _, channel in SHIPPED.ways} == set(channels.channel_names())


def test_a_mini_program_pays_by_its_own_channel() -> None:
    ways.check(SHIPPED, "wechat", "wechatpay", "jsapi")
    ways.check(SHIPPED, "alipay", "alipay", "create")
    ways.check(SHIPPED, "counter", "alipay", "code")


def test_alipay_inside_wechat_is_refused_by_its_rule_with_the_way_round_it() -> None:
    values = refused(SHIPPED, "wechat", "alipay", "create")
    assert values["rule"] == "alipay_in_wechat"
    assert isinstance(values["instead"], Words)
    assert "pay_url" in values["instead"].en
    assert "pay_url" in values["instead"].zh


def test_a_method_of_another_host_is_refused_and_the_right_ones_are_named() -> None:
    values = refused(SHIPPED, "wechat", "wechatpay", "code")
    assert (values["rule"], values["methods"]) == ("method_not_here", "jsapi")


def test_a_pair_that_is_not_in_the_table_is_refused() -> None:
    assert refused(SHIPPED, "browser", "barter", "cash")["rule"] == "not_here"
    assert ways.methods_for(SHIPPED, "browser", "barter") == ()


def test_a_host_that_no_line_names_is_unknown() -> None:
    with pytest.raises(Refusal) as refusal:
        ways.check(SHIPPED, "mars", "alipay", "wap")
    assert (refusal.value.code, refusal.value.status) == ("unknown_host", 400)
    assert refusal.value.values == {"host": "mars"}


def test_an_operators_file_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "ways.toml"
    file.write_text(
        """
        [ways.wechat]
        wechatpay = { methods = ["jsapi", "app"], without = ["only"] }
        [ways.browser]
        alipay = { rule = "not_yet" }
        [rules.not_yet]
        en = "not yet"
        zh = "尚未开通"
        instead_en = "wait"
        instead_zh = "请稍候"
        """,
        encoding="utf-8",
    )
    table = ways.read(file)
    ways.check(table, "wechat", "wechatpay", "app")
    assert refused(table, "wechat", "wechatpay", "jsapi", ["only"])["rule"] == "option_not_here"
    assert refused(table, "browser", "alipay", "wap")["why"] == Words("not yet", "尚未开通")
    assert ways.methods_for(table, "alipay", "alipay") == ways.methods_for(SHIPPED, "alipay", "alipay")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[ways.moon]\nalipay = { methods = ['wap'] }", "ways.moon"),
        ("[ways.wechat]\nalipay = { method = ['wap'] }", "ways.wechat.alipay"),
        ("[ways.wechat]\nalipay = { methods = 'wap' }", "ways.wechat.alipay"),
        ("[ways.wechat]\nalipay = { rule = 'nobody_knows' }", "ways.wechat.alipay"),
        ("[ways]\nwechat = 3", "wechat"),
        ("[rules.mine]\nen = 'only'", "rules.mine"),
        ("[hosts]", "[hosts]"),
        ("ways = [", "cannot be read"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_place(tmp_path: Path, text: str, place: str) -> None:
    file = tmp_path / "ways.toml"
    file.write_text(text)
    with pytest.raises(WaysError) as error:
        ways.read(file)
    assert place in str(error.value)


def test_a_table_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WaysError):
        ways.read(tmp_path / "none.toml")
