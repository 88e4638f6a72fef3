"""Which business parameters the methods take, and the rules of each (protocol 4). One not listed here is ignored, as
Alipay does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlsplit

from tongbao_sandbox.alipay.errors import business, parameter
from tongbao_sandbox.clock import BEIJING

Check = Callable[[Any, str], None]
"""Takes a value and its name; raises Refusal."""

LARGEST_FEN = 10_000_000_000
_SUBJECT_FORBIDS = "/=&"
_AMOUNT = re.compile(r"[0-9]{1,9}(\.[0-9]{1,2})?", re.ASCII)
_SPAN = re.compile(r"([0-9]{1,5})([mhd])", re.ASCII)
_SPAN_SECONDS = {"m": 60, "h": 3600, "d": 86400}
LONGEST_SPAN_SECONDS = 15 * 86400

CREATE, PAY, PRECREATE = "alipay.trade.create", "alipay.trade.pay", "alipay.trade.precreate"
WAP, PAGE, APP = "alipay.trade.wap.pay", "alipay.trade.page.pay", "alipay.trade.app.pay"


def text(most: int, pattern: str = "") -> Check:
    """A string of at most so many characters that matches the pattern."""
    shape = re.compile(pattern, re.ASCII) if pattern else None

    def check(value: Any, name: str) -> None:
        if not isinstance(value, str):
            raise parameter(name, "应为字符串")
        if not 1 <= len(value) <= most:
            raise parameter(name, f"长度应为1到{most}个字符")
        if shape is not None and not shape.fullmatch(value):
            raise parameter(name, "格式不正确")

    return check


def yuan(value: Any, name: str) -> None:
    """An amount in yuan with at most two decimals, from 0.01 to 100000000."""
    fen(value, name)


def fen(value: Any, name: str) -> int:
    """The amount in fen. A JSON number will do. Raises Refusal."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or not _AMOUNT.fullmatch(str(value)):
        raise parameter(name, "不是合法的金额")
    try:
        amount = int(Decimal(str(value)) * 100)
    except InvalidOperation:
        raise parameter(name, "不是合法的金额") from None
    if not 1 <= amount <= LARGEST_FEN:
        raise business("ACQ.TOTAL_FEE_EXCEED") if amount else parameter(name, "应大于0")
    return amount


def count(value: Any, name: str) -> None:
    """A whole number from 1, as number or text."""
    if isinstance(value, bool) or not re.fullmatch(r"[1-9][0-9]{0,9}", str(value), re.ASCII):
        raise parameter(name, "应为正整数")


def one_of(*choices: str) -> Check:
    """One of a closed list."""

    def check(value: Any, name: str) -> None:
        if value not in choices:
            raise parameter(name, f"应为 {'、'.join(choices)} 之一")

    return check


def listed(*choices: str) -> Check:
    """A comma-separated list of known words."""

    def check(value: Any, name: str) -> None:
        text(128)(value, name)
        for word in value.split(","):
            if word not in choices:
                raise parameter(name, f"含有未知的渠道 {word}")

    return check


def many(item: Check) -> Check:
    """A list of checked items."""

    def check(value: Any, name: str) -> None:
        if not isinstance(value, list):
            raise parameter(name, "应为数组")
        for index, entry in enumerate(value):
            item(entry, f"{name}[{index}]")

    return check


def fields(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these members, and any others."""

    def check(value: Any, name: str) -> None:
        if not isinstance(value, dict):
            raise parameter(name or "biz_content", "应为对象")
        where = f"{name}." if name else ""
        for key in required:
            if value.get(key) in (None, ""):
                raise parameter(where + key, "不能为空")
        for key, rule in {**required, **(optional or {})}.items():
            if value.get(key) not in (None, ""):
                rule(value[key], where + key)

    return check


def span(value: Any, name: str) -> None:
    """`1m` to `15d`, or `1c` until midnight."""
    if value == "1c":
        return
    match = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 60 <= span_seconds(value) <= LONGEST_SPAN_SECONDS:
        raise parameter(name, "应为1m到15d，或1c")


def span_seconds(value: str) -> int:
    """How long a span is that `span` let through, `1c` aside."""
    match = _SPAN.fullmatch(value)
    assert match is not None
    return int(match[1]) * _SPAN_SECONDS[match[2]]


def moment(value: Any, name: str) -> None:
    """A time of Beijing, to the second or the minute."""
    if not isinstance(value, str) or seconds(value) is None:
        raise parameter(name, "格式应为yyyy-MM-dd HH:mm:ss")


def seconds(value: str) -> float | None:
    """A time of Beijing as Unix seconds, or None if it is not one."""
    for layout in ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        try:
            return datetime.strptime(value, layout).replace(tzinfo=BEIJING).timestamp()
        except ValueError:
            continue
    return None


def subject(value: Any, name: str) -> None:
    """A title without the three characters it may not have."""
    text(256)(value, name)
    if any(each in value for each in _SUBJECT_FORBIDS):
        raise parameter(name, "不可使用特殊字符，如 /，=，& 等")


def address(value: str) -> bool:
    """Whether this is a public parameter's URL: http or https, with a host, at most 256 characters."""
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        return False
    return len(value) <= 256 and parts.scheme in ("http", "https") and bool(parts.hostname)


OUT_TRADE_NO = text(64, r"[0-9A-Za-z_\-]+")
"""The documents say letters, digits and underscores; a notice of the real gateway has hyphens."""
USER_ID = text(16, r"2088[0-9]{12}")

_CHANNELS = (
    "balance", "moneyFund", "debitCardExpress", "creditCard", "creditCardExpress", "creditCardCartoon", "credit_group",
    "pcredit", "pcreditpayInstallment", "coupon", "voucher", "point", "promotion", "mdiscount", "mcard", "pcard",
    "bankPay", "honeyPay",
)  # fmt: skip
_GOODS = fields(
    {"goods_id": text(64), "goods_name": text(256), "quantity": count, "price": yuan},
    {"body": text(1000), "show_url": text(400)},
)
_EXTENSION = fields(
    {},
    {
        "sys_service_provider_id": text(64),
        "hb_fq_num": one_of("3", "6", "12"),
        "hb_fq_seller_percent": one_of("0", "100"),
    },
)
_SHARED: Mapping[str, Check] = {
    "body": text(128),
    "seller_id": USER_ID,
    "timeout_express": span,
    "time_expire": moment,
    "goods_detail": many(_GOODS),
    "extend_params": _EXTENSION,
    "enable_pay_channels": listed(*_CHANNELS),
    "disable_pay_channels": listed(*_CHANNELS),
    "store_id": text(32),
    "operator_id": text(28),
    "terminal_id": text(32),
    "merchant_order_no": text(32),
    "discountable_amount": yuan,
    "undiscountable_amount": yuan,
    "passback_params": text(512),
    "query_options": many(text(64)),
}
_NEEDED: dict[str, Check] = {"out_trade_no": OUT_TRADE_NO, "total_amount": yuan, "subject": subject}
_FACE = "FACE_TO_FACE_PAYMENT"

_COLLECTING: Mapping[str, Check] = {
    CREATE: fields(
        _NEEDED,
        {
            **_SHARED,
            "product_code": one_of("JSAPI_PAY", _FACE),
            "buyer_id": text(28),
            "buyer_open_id": text(128),
            "op_app_id": text(32),
            "op_buyer_open_id": text(128),
        },
    ),
    PAY: fields(
        _NEEDED | {"auth_code": text(64)},
        {**_SHARED, "scene": one_of("bar_code", "wave_code", "security_code"), "product_code": one_of(_FACE)},
    ),
    PRECREATE: fields(
        _NEEDED, {**_SHARED, "product_code": one_of(_FACE, "QR_CODE_OFFLINE"), "qr_code_timeout_express": span}
    ),
    WAP: fields(
        # One client that is much used sends QUICK_WAP_PAY (protocol 4.7).
        _NEEDED, {**_SHARED, "product_code": one_of("QUICK_WAP_WAY", "QUICK_WAP_PAY"), "quit_url": text(400)}
    ),
    PAGE: fields(
        _NEEDED | {"product_code": one_of("FAST_INSTANT_TRADE_PAY")},
        {**_SHARED, "qr_pay_mode": one_of("0", "1", "2", "3", "4"), "integration_type": one_of("PCWEB", "ALIAPP")},
    ),
    APP: fields(_NEEDED, {**_SHARED, "product_code": one_of("QUICK_MSECURITY_PAY")}),
}  # fmt: skip
_SHORTEST_SECONDS = {WAP: 300, APP: 300}
_NAMED: Mapping[str, Check] = {"out_trade_no": OUT_TRADE_NO, "trade_no": text(64)}
_REFUND = fields(
    {"refund_amount": yuan},
    {
        **_NAMED,
        "out_request_no": text(64),
        "refund_reason": text(256),
        "operator_id": text(30),
        "store_id": text(32),
        "terminal_id": text(32),
        "query_options": many(text(64)),
    },
)
_REFUND_QUERY = fields({"out_request_no": text(64)}, {**_NAMED, "query_options": many(text(64))})
_TRADE = fields({}, {**_NAMED, "operator_id": text(28), "query_options": many(text(64))})


def check_collecting(method: str, params: Any) -> None:
    """A trade to be paid, by one of the six methods. Raises Refusal."""
    _COLLECTING[method](params, "")
    if params.get("enable_pay_channels") and params.get("disable_pay_channels"):
        raise parameter("disable_pay_channels", "不能与enable_pay_channels同时传入")
    express = params.get("timeout_express")
    if express and express != "1c" and span_seconds(express) < _SHORTEST_SECONDS.get(method, 60):
        raise parameter("timeout_express", "应不少于5m")
    parts = [params.get(name) for name in ("discountable_amount", "undiscountable_amount")]
    if all(parts) and sum(fen(part, "discountable_amount") for part in parts) != fen(params["total_amount"], ""):
        raise parameter("total_amount", "应等于可打折金额与不可打折金额之和")
    if method == CREATE:
        _check_mini_program(params)


def check_trade(params: Any) -> None:
    """What query, close and cancel take. Raises Refusal."""
    _TRADE(params, "")
    _check_named(params)


def check_refund(params: Any) -> None:
    """What refund takes. Raises Refusal."""
    _REFUND(params, "")
    _check_named(params)


def check_refund_query(params: Any) -> None:
    """What the refund query takes. Raises Refusal."""
    _REFUND_QUERY(params, "")
    _check_named(params)


def _check_named(params: Mapping[str, Any]) -> None:
    if not params.get("trade_no") and not params.get("out_trade_no"):
        raise parameter("out_trade_no", "和trade_no不能同时为空")


def _check_mini_program(params: Mapping[str, Any]) -> None:
    """A mini-program's trade is for one buyer, and JSAPI_PAY names the mini-program too (protocol 4.4)."""
    if not any(params.get(name) for name in ("buyer_id", "buyer_open_id", "op_buyer_open_id")):
        raise parameter("buyer_open_id", "和buyer_id不能同时为空")
    if params.get("product_code") == "JSAPI_PAY" and not params.get("op_app_id"):
        raise parameter("op_app_id", "不能为空")
