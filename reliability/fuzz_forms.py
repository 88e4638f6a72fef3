"""Alipay's notices, which are forms, and ways to spoil them, as `fuzz_letters` does with WeChat's. Pure."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, unquote_to_bytes, urlencode

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import strategies as st

from reliability.fuzz_letters import Edit, Letter
from tongbao.kit import clock
from tongbao.kit.money import yuan

Form = Mapping[str, str]

_BEIJING = timedelta(hours=8)
_PAID = ("TRADE_SUCCESS", "TRADE_FINISHED")
_REFUND_FIELDS = ("out_biz_no", "gmt_refund", "refund_fee")
_YUAN = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class FormTarget:
    """An Alipay account that is shot at; see `fuzz_door.Target`. `key` is the one it takes for Alipay's own."""

    merchant_id: str
    account_id: str
    app_id: str
    seller_id: str
    amount: int
    orders: tuple[tuple[str, str], ...]
    refunds: tuple[tuple[str, str], ...]
    key: rsa.RSAPrivateKey = field(repr=False)
    channel: str = "alipay"

    @property
    def path(self) -> bytes:
        """Where its gateway posts to."""
        return f"/notify/alipay/{self.account_id}".encode()

    def genuine(self, number: int) -> Letter:
        """The letter that would pay one of the orders."""
        return self._letter(self._transaction(number))

    def proof(self, letter: Letter) -> tuple[object, ...]:
        """Where it came, and what a receiver verifies: every field that is not empty, in whatever order they came."""
        fields = parse_qsl(letter.body.decode("latin-1"), keep_blank_values=True, encoding="latin-1")
        where = unquote_to_bytes(letter.path.partition(b"?")[0])
        return (where, sorted(each for each in fields if each[1]))

    def inside(self, number: int, edits: tuple[Edit, ...], outer: tuple[Edit, ...]) -> Letter | None:
        """A letter about an order that says something else, truly signed; None where it says the same."""
        before = self._transaction(number)
        after = _changed(before, (*edits, *outer))
        return None if _pays_the_same(before, after) else self._letter(after)

    def inside_refund(self, number: int, edits: tuple[Edit, ...], outer: tuple[Edit, ...]) -> Letter | None:
        """The same of a refund."""
        refund_id, attempt_id = self.refunds[number]
        before = {**self._trade(attempt_id), "out_biz_no": refund_id, "refund_fee": yuan(self.amount)}
        before["gmt_refund"] = _stamp(clock.now())
        after = _changed(before, (*edits, *outer))
        return None if _returns_the_same(before, after) else self._letter(after)

    def about_nothing(self) -> Letter:
        """A truly signed letter that every receiver takes, and that says nothing of any payment."""
        return self._letter({**self._trade(""), "notify_type": "TEST"})

    def _transaction(self, number: int) -> dict[str, str]:
        return self._trade(self.orders[number][1])

    def _trade(self, attempt_id: str) -> dict[str, str]:
        """A paid trade, as protocol 7.2 has it."""
        now = _stamp(clock.now())
        return {
            "app_id": self.app_id,
            "charset": "utf-8",
            "gmt_payment": now,
            "notify_id": "2026010200222123456789012345678901",
            "notify_time": now,
            "notify_type": "trade_status_sync",
            "out_trade_no": attempt_id,
            "seller_id": self.seller_id,
            "sign_type": "RSA2",
            "subject": "拿铁",
            "total_amount": yuan(self.amount),
            "trade_no": "2026010222001412345678901234",
            "trade_status": "TRADE_SUCCESS",
            "version": "1.0",
        }

    def _letter(self, form: Form) -> Letter:
        """A form under a true signature."""
        covered = sorted((name, value) for name, value in form.items() if value and name not in ("sign", "sign_type"))
        message = "&".join(f"{name}={value}" for name, value in covered).encode()
        signature = base64.b64encode(self.key.sign(message, PKCS1v15(), SHA256())).decode()
        content_type = (b"Content-Type", b"application/x-www-form-urlencoded; charset=utf-8")
        return Letter(self.path, (content_type,), urlencode({**form, "sign": signature}).encode())


def _stamp(moment: datetime) -> str:
    return (moment + _BEIJING).strftime("%Y-%m-%d %H:%M:%S")


def _changed(form: Form, edits: tuple[Edit, ...]) -> dict[str, str]:
    changed = {**form, **{edit.where: edit.value for edit in edits if edit.what == "set"}}
    return {name: value for name, value in changed.items() if Edit("drop", name) not in edits}


def _pays_the_same(before: Form, after: Form) -> bool:
    """Whether a changed form still says that the same sum was paid, for the same payment and merchant."""
    same = all(before[name] == after.get(name) for name in ("app_id", "seller_id", "out_trade_no", "notify_type"))
    return same and after.get("trade_status") in _PAID and _fen(before) == _fen(after)


def _returns_the_same(before: Form, after: Form) -> bool:
    """Whether it still says that the same refund arrived: its number stands for its sum (7.5)."""
    compared = ("app_id", "seller_id", "out_trade_no", "notify_type", "out_biz_no")
    return all(before[name] == after.get(name) for name in compared) and all(after.get(name) for name in _REFUND_FIELDS)


def _fen(form: Form) -> int | None:
    parts = _YUAN.fullmatch(form.get("total_amount", ""))
    return int(parts[1]) * 100 + int((parts[2] or "").ljust(2, "0")) if parts else None


_NAMES = (
    *("app_id", "seller_id", "out_trade_no", "trade_status", "total_amount", "notify_id", "notify_time", "sign"),
    *("notify_type", "sign_type", "charset", "subject", "new"),
)
_PLACE = st.integers(0, 1500)
_BYTES = st.sampled_from((b"%00", b"%", b"%zz", b"%ff%fe", b"&", b"=", b"+", b";", b"&&&", b"\x00", b"\xff", b"%F0%9F"))
_FIELD = st.builds(
    lambda name, value: f"&{urlencode({name: value})}".encode(),
    st.sampled_from(_NAMES),
    st.one_of(st.sampled_from(("0.01", "TRADE_SUCCESS", "RSA", "9" * 5000)), st.text("ab1./+=&%\x00é", max_size=20)),
)
_edits = st.one_of(
    st.builds(Edit, st.just("cut"), _PLACE),
    st.builds(Edit, st.just("put"), _PLACE, st.one_of(_BYTES, _FIELD, st.binary(min_size=1, max_size=40))),
    st.builds(Edit, st.just("over"), _PLACE, st.one_of(_BYTES, st.binary(min_size=1, max_size=8))),
    st.builds(Edit, st.just("whole"), st.none(), st.one_of(st.binary(max_size=300), _FIELD)),
    st.builds(Edit, st.just("nested"), st.integers(1, 3000), st.sampled_from((b"[", b"{"))),
    st.builds(
        Edit, st.just("path"), st.integers(0, 60), st.sampled_from((b"%2e%2e/", b"//", b"/", b"%", b"\xff", b"A"))
    ),
)
outside = st.lists(_edits, min_size=1, max_size=3).map(tuple)
"""Ways to spoil a letter under a signature that no longer fits."""

_TEXTS = st.one_of(
    st.sampled_from(("", "0", "-1", "0.001", "1e3", "18.0", "１８.00", "9" * 5000, "TRADE_CLOSED", "WAIT_BUYER_PAY")),
    st.sampled_from(("trade_success", "NaN", "\x00", "😀", "2026-02-30 00:00:00", "0001-01-01 00:00:00", "[]", "{}")),
    st.text(st.characters(codec="utf-8"), max_size=20),
)


def _change(names: tuple[str, ...]) -> st.SearchStrategy[Edit]:
    set_one = st.builds(Edit, st.just("set"), st.sampled_from(names), _TEXTS)
    return st.one_of(set_one, set_one, set_one, st.builds(Edit, st.just("drop"), st.sampled_from(names)))


_COMPARED = ("app_id", "seller_id", "out_trade_no", "trade_status", "total_amount", "notify_type")
inside = st.lists(_change((*_COMPARED, "gmt_payment", "trade_no", "buyer_id", "new")), min_size=1, max_size=3).map(
    tuple
)
"""Ways to change what a form says of a payment."""
inside_refund = st.lists(_change((*_COMPARED, *_REFUND_FIELDS)), min_size=1, max_size=3).map(tuple)
"""Ways to change what it says of a refund."""
outer = st.one_of(
    st.just(()),
    st.lists(_change(("notify_id", "notify_time", "charset", "version")), min_size=1, max_size=2).map(tuple),
)
"""Ways to change the rest of it."""
