"""`tongbao merchant|app|account|key`: answers for people and machines, and one clear line for what cannot be done."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

import click
import pytest
from click.testing import CliRunner, Result

from tests.merchants.gateway import APIV3_KEY, private_key_pem
from tongbao import merchants
from tongbao.cli.context import Context
from tongbao.cli.merchants import account, app, key, merchant
from tongbao.kit import clock, ids
from tongbao.kit.db import Db
from tongbao.settings import Settings

GROUPS = {"merchant": merchant, "app": app, "account": account, "key": key}
SECRET = "0123456789abcdef0123456789abcdef"
SETTINGS = {
    "mchid": "1900000109",
    "merchant_serial": "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C",
    "merchant_private_key_pem": "@apiclient_key.pem",
    "apiv3_key": APIV3_KEY,
}
Tongbao = Callable[..., Result]


@pytest.fixture
def settings(module_database_url: str, tmp_path: Path) -> Settings:
    return Settings(data_folder=tmp_path, database_url=module_database_url)


@pytest.fixture
def tongbao(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Tongbao:
    """Run a command: `tongbao("merchant list")`; `*more` are further words, `given` is its standard input."""
    monkeypatch.delenv("TONGBAO_APP_SECRET", raising=False)

    def run(words: str, *more: str, given: str = "") -> Result:
        group, *rest = [*words.split(), *more]
        return CliRunner().invoke(GROUPS[group], rest, input=given, obj=Context(settings), catch_exceptions=False)

    return run


@pytest.fixture
def merchant_id(tongbao: Tongbao) -> str:
    return str(answer(tongbao("merchant create --json", "A coffee shop"))["id"])


@pytest.fixture
def settings_file(tmp_path: Path) -> str:
    (tmp_path / "apiclient_key.pem").write_text(private_key_pem())
    (tmp_path / "account.json").write_text(json.dumps(SETTINGS))
    return str(tmp_path / "account.json")


def answer(result: Result) -> Any:
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_merchant_is_set_up_from_nothing_and_its_key_works(
    tongbao: Tongbao, settings: Settings, merchant_id: str, settings_file: str
) -> None:
    app_id = ids.new("wx")
    tongbao(f"app add {merchant_id} --host wechat --secret-file - --app-id {app_id}", given=SECRET + "\n")
    added = answer(tongbao(f"account add {merchant_id} --channel wechatpay --json --settings {settings_file}"))
    made = answer(tongbao(f"key create {merchant_id} --name till --expires-in 90d --json"))

    assert [one["app_id"] for one in answer(tongbao(f"app list {merchant_id} --json"))] == [app_id]
    assert [one["id"] for one in answer(tongbao(f"account list {merchant_id} --json"))] == [added["id"]]
    assert [one["name"] for one in answer(tongbao(f"key list {merchant_id} --json"))] == ["till"]
    assert merchant_id in tongbao("merchant list").output

    async def authenticate() -> str:
        db = await Db.connect(settings.database_url or "", size=1)
        principal = await merchants.authenticate(db, made["key"], clock.now())
        await db.close()
        return principal.merchant_id

    assert asyncio.run(authenticate()) == merchant_id


def test_secrets_are_shown_as_dots_and_in_no_answer(tongbao: Tongbao, merchant_id: str, settings_file: str) -> None:
    app_id = ids.new("wx")
    answers = [
        tongbao(f"app add {merchant_id} --host wechat --app-id {app_id} --secret-file -", given=SECRET),
        tongbao(f"account add {merchant_id} --channel wechatpay --settings {settings_file}"),
        tongbao(f"app list {merchant_id}"),
        tongbao(f"account list {merchant_id}"),
    ]
    account_id = answer(tongbao(f"account list {merchant_id} --json"))[0]["id"]
    shown = tongbao(f"account show {merchant_id} {account_id}")
    answers += [shown, tongbao(f"account show {merchant_id} {account_id} --json")]
    assert shown.output.count("••••") == 2
    assert "settings.mchid" in shown.output
    for one in answers:
        assert one.exit_code == 0
        for secret in (SECRET, APIV3_KEY, "PRIVATE KEY", private_key_pem()[100:140]):
            assert secret not in one.output


def test_a_keys_text_is_shown_once(tongbao: Tongbao, merchant_id: str) -> None:
    text = answer(tongbao(f"key create {merchant_id} --json"))["key"]
    assert text.rpartition("_")[2] not in tongbao(f"key list {merchant_id} --json").output


def test_no_option_takes_a_secret_on_the_command_line() -> None:
    options = [option for group in GROUPS.values() for command in group.commands.values() for option in command.params]
    secret = [option for option in options if "secret" in str(option.name) or "settings" in str(option.name)]
    assert len(secret) == 6
    assert all(isinstance(option.type, click.File) for option in secret)


def test_an_app_takes_its_secret_from_the_environment(
    tongbao: Tongbao, merchant_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TONGBAO_APP_SECRET", SECRET)
    words = f"{merchant_id} --host wechat --app-id {ids.new('wx')} --json"
    assert answer(tongbao(f"app add {words}"))["settings"] == {}
    changed = answer(tongbao(f"app update {words} --base-url http://127.0.0.1:8702"))
    assert changed["settings"] == {"base_url": "http://127.0.0.1:8702"}


def test_an_account_is_changed_disabled_and_enabled(tongbao: Tongbao, merchant_id: str, settings_file: str) -> None:
    added = tongbao(f"account add {merchant_id} --channel wechatpay --json --settings {settings_file}")
    words = f"{merchant_id} {answer(added)['id']} --json"
    changes = json.dumps({"merchant_serial": "0A0B0C0D0E0F"})
    assert answer(tongbao(f"account update {words} --settings -", given=changes))["version"] == 2
    assert answer(tongbao(f"account disable {words}"))["status"] == "disabled"
    assert answer(tongbao(f"account enable {words}"))["status"] == "active"
    shown = answer(tongbao(f"account show {words}"))
    assert (shown["version"], shown["settings"]["merchant_serial"]) == (4, "0A0B0C0D0E0F")
    assert shown["settings"]["mchid"] == SETTINGS["mchid"]


def test_a_revoked_key_is_listed_as_revoked(tongbao: Tongbao, merchant_id: str) -> None:
    key_id = answer(tongbao(f"key create {merchant_id} --json"))["id"]
    assert tongbao(f"key revoke {merchant_id} {key_id}").exit_code == 0
    assert answer(tongbao(f"key list {merchant_id} --json"))[0]["revoked_at"]


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        ("app list mch0", "", "There is no merchant mch0"),
        ("app add M --host wechat --app-id wx0123456789", "", "Give the app's secret"),
        ("app add M --host wechat --app-id wx0123456789 --secret-file -", "x", "Setting app_secret: expected"),
        ("app add M --host fax --app-id wx0123456789 --secret-file -", SECRET, "'fax' is not"),
        ("app update M --host wechat --app-id wx0123456789", "", "`tongbao app list`"),
        ("account add M --channel wechatpay --settings -", "{", "are not JSON"),
        ("account add M --channel wechatpay --settings -", "[1]", "are not a JSON object"),
        ("account add M --channel wechatpay --settings -", '{"mchid": "12"}', "Setting mchid: expected"),
        ("account add M --channel wechatpay --settings -", '{"x_pem": "@nowhere.pem"}', "nowhere.pem cannot be read"),
        ("account add M --channel wechatpay", "", "Setting "),
        ("account show M acc0", "", "There is no account acc0"),
        ("account disable M acc0", "", "There is no account acc0"),
        ("key revoke M key0", "", "There is no key key0"),
        ("key create M --expires-in soon", "", "for example 90d"),
        ("key create M --expires-in 0d", "", "for example 90d"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line_and_status_2(
    tongbao: Tongbao, merchant_id: str, words: str, given: str, said: str
) -> None:
    result = tongbao(words.replace(" M ", f" {merchant_id} "), given=given)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    "words",
    ["app add {} --host wechat --app-id wx01234567 --secret-file", "account add {} --channel wechatpay --settings"],
)
def test_a_file_that_is_not_text_is_refused_without_being_quoted(
    tongbao: Tongbao, merchant_id: str, tmp_path: Path, words: str
) -> None:
    (tmp_path / "blob").write_bytes(b"\xffhush-hush")
    result = tongbao(words.format(merchant_id), str(tmp_path / "blob"))
    assert (result.exit_code, "hush" in result.output) == (2, False)
    assert str(tmp_path / "blob") in result.stderr


def test_columns_are_straight_under_chinese_names(tongbao: Tongbao, merchant_id: str) -> None:
    tongbao("merchant create", "通宝咖啡")
    head, *lines = tongbao("merchant list").output.splitlines()
    column = head.index("created_at")
    for line in lines:
        shown = "".join(letter + "\0" * (east_asian_width(letter) == "W") for letter in line)
        assert shown[column : column + 2] == "20"


@pytest.mark.parametrize("name", ["", " ", "a\nb"])
def test_a_name_that_cannot_be_read_is_refused(tongbao: Tongbao, name: str) -> None:
    result = tongbao("merchant create", name)
    assert (result.exit_code, "A name has" in result.stderr) == (2, True)


def test_a_database_that_is_not_there_is_one_line_that_names_the_variable(tmp_path: Path) -> None:
    settings = Settings(data_folder=tmp_path, database_url=f"postgresql://u:pa55word@/x?host={tmp_path}")
    result = CliRunner().invoke(merchant, ["list"], obj=Context(settings), catch_exceptions=False)
    assert (result.exit_code, "TONGBAO_DATABASE_URL" in result.stderr) == (2, True)
    assert len(result.stderr.splitlines()) == 1
    assert "pa55word" not in result.stderr


def test_a_master_key_that_is_not_there_is_one_line_that_names_it(
    module_database_url: str, tmp_path: Path, settings_file: str
) -> None:
    old, new = (Settings(data_folder=tmp_path / name, database_url=module_database_url) for name in ("old", "new"))
    run = CliRunner().invoke
    merchant_id = answer(run(merchant, ["create", "A coffee shop", "--json"], obj=Context(old)))["id"]
    words = ["add", merchant_id, "--channel", "wechatpay", "--settings", settings_file, "--json"]
    account_id = answer(run(account, words, obj=Context(old)))["id"]
    result = run(account, ["update", merchant_id, account_id], obj=Context(new), catch_exceptions=False)
    assert (result.exit_code, f"account:{merchant_id}:{account_id}" in result.stderr) == (2, True)
