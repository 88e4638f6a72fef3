"""Which fields an order or a refund may have, and the rules of each (protocol 2.1, 2.3, 5.1, 5.2). A field not listed
here is refused."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from tongbao_sandbox.wechat.errors import Refusal, parameter, unknown_fields

Check = Callable[[Any, str], None]
"""Takes a value and its JSON pointer; raises Refusal."""

LARGEST_AMOUNT = 2**31 - 1


def text(least: int, most: int, pattern: str = "") -> Check:
    """A string of so many characters, all of at most three UTF-8 bytes (protocol 1.1), matching the pattern."""
    shape = re.compile(pattern, re.ASCII) if pattern else None

    def check(value: Any, pointer: str) -> None:
        if not isinstance(value, str):
            raise parameter(pointer, "应为字符串", value)
        if not least <= len(value) <= most:
            raise parameter(pointer, f"长度应为{least}到{most}个字符", value[:64], number=268435464)
        if value and max(value) > "\uffff":
            raise parameter(pointer, "含有超过3字节的UTF-8字符", value[:64])
        if shape is not None and not shape.fullmatch(value):
            raise parameter(pointer, "格式不正确", value)

    return check


def number(least: int, most: int = LARGEST_AMOUNT) -> Check:
    """A whole number; JSON's true and 1.0 are not."""

    def check(value: Any, pointer: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            raise parameter(pointer, "应为整数", value)
        if not least <= value <= most:
            raise parameter(pointer, f"取值应为{least}到{most}", value, number=268435464)

    return check


def flag(value: Any, pointer: str) -> None:
    """True or false."""
    if not isinstance(value, bool):
        raise parameter(pointer, "应为布尔值", value)


def one_of(*choices: object) -> Check:
    """One of a closed list."""

    def check(value: Any, pointer: str) -> None:
        if value not in choices or isinstance(value, bool):
            raise parameter(pointer, f"应为 {'、'.join(map(str, choices))} 之一", value)

    return check


def many(item: Check, least: int = 0) -> Check:
    """A list of checked items."""

    def check(value: Any, pointer: str) -> None:
        if not isinstance(value, list) or len(value) < least:
            raise parameter(pointer, "应为数组" if least == 0 else f"应为至少{least}项的数组", value)
        for index, entry in enumerate(value):
            item(entry, f"{pointer}/{index}")

    return check


def fields(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these keys and no others. A null is a value of the wrong type, as the newer rule has it."""
    known = {**required, **(optional or {})}

    def check(value: Any, pointer: str) -> None:
        if not isinstance(value, dict):
            raise parameter(pointer or "/", "应为对象", value)
        strangers = [f"/body{pointer}/{key}" for key in value if key not in known]
        if strangers:
            raise unknown_fields(strangers)
        for key in required:
            if key not in value:
                raise parameter(f"{pointer}/{key}", "必填")
        for key, entry in value.items():
            known[key](entry, f"{pointer}/{key}")

    return check


def notify_url(most: int) -> Check:
    """An absolute https URL without a query; because this is a sandbox, plain http to this machine too."""

    def check(value: Any, pointer: str) -> None:
        text(1, most)(value, pointer)
        try:
            parts = urlsplit(value)
            host = parts.hostname or ""
            _ = parts.port
        except ValueError:
            raise parameter(pointer, "不是合法的URL", value) from None
        if "?" in value or "#" in value:
            raise parameter(pointer, "不允许携带参数", value)
        if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
            raise parameter(pointer, "必须为https的绝对地址（沙箱另允许本机http地址）", value)

    return check


def moment(value: Any, pointer: str) -> None:
    """An RFC 3339 time with its zone."""
    text(1, 64, r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")(value, pointer)
    try:
        datetime.fromisoformat(value)
    except ValueError:
        raise parameter(pointer, "不是合法的RFC3339时间", value) from None


def address(value: Any, pointer: str) -> None:
    """An IPv4 or IPv6 address."""
    text(1, 45)(value, pointer)
    try:
        ipaddress.ip_address(value)
    except ValueError:
        raise parameter(pointer, "不是合法的IP地址", value) from None


def openid_required(body: Any) -> None:
    """JSAPI orders need an openid; the refusal has a number of its own."""
    payer = body.get("payer") if isinstance(body, dict) else None
    if not isinstance(payer, dict) or "openid" not in payer:
        detail = {"field": "/payer/openid", "location": "body"}
        raise Refusal(400, "PARAM_ERROR", "JSAPI支付必须传openid", 268501013, detail)


def is_loopback(host: str) -> bool:
    """Whether a name or address is this machine's own."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


_NUMBER = r"[0-9A-Za-z_\-*|]*"
OUT_TRADE_NO = text(6, 32, _NUMBER)
MCHID = text(1, 32, r"[0-9]*")

_IDENTITY = fields(
    {
        "type": one_of(
            "IDCARD", "HONGKONG_MACAO", "HONGKONG_MACAO_RESIDENT", "TAIWAN_RESIDENT",
            "FOREIGN_RESIDENT", "OVERSEA_PASSPORT", "PHONE_NUMBER",
        ),
        "number": text(1, 1024),
        "name": text(1, 1024),
    }
)  # fmt: skip
_GOODS = fields(
    {"merchant_goods_id": text(1, 32), "quantity": number(1), "unit_price": number(0)},
    {"wechatpay_goods_id": text(1, 32), "goods_name": text(1, 256)},
)
_DETAIL = fields({}, {"cost_price": number(0), "invoice_id": text(1, 32), "goods_detail": many(_GOODS, least=1)})
_SETTLE_INFO = fields({}, {"profit_sharing": flag})
_AMOUNT = fields({"total": number(1)}, {"currency": one_of("CNY")})
_STORE = fields({"id": text(1, 32)}, {"name": text(1, 256), "area_code": text(1, 32), "address": text(1, 512)})
_SUBSIDY_PLAN = fields({"subsidy_installment_num": one_of(3, 6, 12), "subsidy_percent": one_of(0, 100)})
_SUBSIDY = fields({"subsidy_period_type": one_of("DAILY", "PERIOD"), "subsidy_plan": many(_SUBSIDY_PLAN)})
_SUBSIDY_INFO = fields({"subsidy_detail": many(_SUBSIDY)})
_SCENE_OPTIONAL = {"device_id": text(1, 32), "store_info": _STORE}
_SCENE = fields({"payer_client_ip": address}, _SCENE_OPTIONAL)
_H5_INFO = fields(
    {"type": text(1, 32)},
    {"app_name": text(1, 64), "app_url": text(1, 128), "bundle_id": text(1, 128), "package_name": text(1, 128)},
)

_REQUIRED = {
    "appid": text(1, 32),
    "mchid": MCHID,
    "description": text(1, 127),
    "out_trade_no": OUT_TRADE_NO,
    "notify_url": notify_url(255),
    "amount": _AMOUNT,
}
_OPTIONAL = {
    "time_expire": moment,
    "attach": text(0, 128),
    "goods_tag": text(1, 32),
    "limit_pay": many(one_of("no_balance", "no_credit", "no_debit", "balance_only")),
    "support_fapiao": flag,
    "detail": _DETAIL,
    "settle_info": _SETTLE_INFO,
}
_WITH_SCENE = _OPTIONAL | {"scene_info": _SCENE}

JSAPI_ORDER = fields(
    _REQUIRED | {"payer": fields({"openid": text(1, 128)}, {"identity": _IDENTITY})},
    _WITH_SCENE | {"subsidy_info": _SUBSIDY_INFO},
)
APP_ORDER = fields(_REQUIRED, _WITH_SCENE | {"subsidy_info": _SUBSIDY_INFO})
NATIVE_ORDER = fields(_REQUIRED, _WITH_SCENE)
H5_ORDER = fields(
    _REQUIRED | {"scene_info": fields({"payer_client_ip": address, "h5_info": _H5_INFO}, _SCENE_OPTIONAL)},
    _OPTIONAL,
)

_SCANNED_GOODS = fields(
    {"merchant_goods_id": text(1, 32), "quantity": number(1), "unit_price": number(0)},
    {"wxpay_goods_id": text(1, 32), "goods_name": text(1, 256)},
)
_SCANNED_STORE = fields({}, {"id": text(1, 32), "out_id": text(1, 32)})

CODE_ORDER = fields(
    {
        "appid": text(1, 32),
        "mchid": MCHID,
        "description": text(1, 127),
        "out_trade_no": text(1, 32, _NUMBER),
        "payer": fields({"auth_code": text(1, 32)}),
        "amount": _AMOUNT,
        "scene_info": fields({"store_info": _SCANNED_STORE}, {"device_id": text(1, 32), "device_ip": address}),
    },
    {
        "attach": text(0, 128),
        "goods_tag": text(1, 32),
        "support_fapiao": flag,
        "detail": fields(
            {}, {"cost_price": number(0), "invoice_id": text(1, 32), "goods_detail": many(_SCANNED_GOODS, least=1)}
        ),
        "settle_info": _SETTLE_INFO,
    },
)
CLOSE = fields({"mchid": MCHID})
REVERSE = fields({"appid": text(1, 32), "mchid": MCHID})

OUT_REFUND_NO = text(1, 64, r"[0-9A-Za-z_\-*@|]*")

_REFUNDED_GOODS = fields(
    {
        "merchant_goods_id": text(1, 32),
        "unit_price": number(0),
        "refund_amount": number(0),
        "refund_quantity": number(1),
    },
    {"wechatpay_goods_id": text(1, 32), "goods_name": text(1, 256)},
)
_SOURCE = fields({"account": one_of("AVAILABLE", "UNAVAILABLE"), "amount": number(1)})

REFUND = fields(
    {
        "out_refund_no": OUT_REFUND_NO,
        "amount": fields(
            {"refund": number(1), "total": number(1), "currency": one_of("CNY")}, {"from": many(_SOURCE, least=1)}
        ),
    },
    {
        "transaction_id": text(1, 32),
        "out_trade_no": text(1, 32, _NUMBER),
        "reason": text(1, 80),
        "notify_url": notify_url(256),
        "funds_account": one_of("AVAILABLE", "UNSETTLED"),
        "goods_detail": many(_REFUNDED_GOODS, least=1),
    },
)

USER_BANK_CARD, MERCHANT_BANK_CARD = "USER_BANK_CARD", "MERCHANT_BANK_CARD"
BANKS = {
    "ICBC_DEBIT": "工商银行", "ABC_DEBIT": "农业银行", "CCB_DEBIT": "建设银行", "BOC_DEBIT": "中国银行",
    "COMM_DEBIT": "交通银行", "CMB_DEBIT": "招商银行", "PAB_DEBIT": "平安银行", "SPDB_DEBIT": "浦发银行",
    "CITIC_DEBIT": "中信银行", "CEB_DEBIT": "光大银行", "CMBC_DEBIT": "民生银行", "CIB_DEBIT": "兴业银行",
    "GDB_DEBIT": "广发银行", "PSBC_DEBIT": "邮储银行", "NBCB_DEBIT": "宁波银行",
}  # fmt: skip
"""The kinds of card an abnormal refund can be sent to, with their banks' names."""

ABNORMAL_REFUND = fields(
    {"out_refund_no": OUT_REFUND_NO, "type": one_of(USER_BANK_CARD, MERCHANT_BANK_CARD)},
    {"bank_type": one_of(*BANKS), "bank_account": text(1, 1024), "real_name": text(1, 1024)},
)
