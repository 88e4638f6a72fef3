"""Refusals in Alipay's own words: `code`, `sub_code`, `sub_msg`, and the v3 HTTP status (protocol 2, 3.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping

MESSAGES = {
    "10000": "Success",
    "10003": " order success pay inprocess",
    "20000": "Service Currently Unavailable",
    "20001": "Insufficient Token Permissions",
    "40001": "Missing Required Arguments",
    "40002": "Invalid Arguments",
    "40003": "Insufficient Conditions",
    "40004": "Business Failed",
    "40005": "Call Limited",
    "40006": "Insufficient Permissions",
}
_STATUSES = {"20000": 500, "20001": 401, "40005": 429, "40006": 401}
_ORIGIN = re.compile(r"^(isv|isp|aop)\.")


class Refusal(Exception):
    """A request Alipay refuses. `more` are members that the answer has besides the four of every refusal. One that is
    `nameless` is answered under `error_response`, not under the method's own name."""

    def __init__(
        self, code: str, sub_code: str, sub_msg: str, more: Mapping[str, str] | None = None, *, nameless: bool = False
    ) -> None:
        super().__init__(f"{code} {sub_code}")
        self.code = code
        self.sub_code = sub_code
        self.sub_msg = sub_msg
        self.more = dict(more or {})
        self.nameless = nameless

    def body(self) -> dict[str, object]:
        """The members of the answer's object, in the order seen from the real gateway."""
        facts = {"code": self.code, "msg": MESSAGES[self.code], "sub_code": self.sub_code, "sub_msg": self.sub_msg}
        return {**facts, **dict(sorted(self.more.items()))}

    @property
    def status(self) -> int:
        """The v3 protocol's HTTP status."""
        return _STATUSES.get(self.code, 400)

    def v3_body(self) -> dict[str, object]:
        """The v3 protocol's answer: the code without the prefix of its origin."""
        links = [{"link": f"https://open.alipay.com/api/errCheck?code={self.sub_code}", "desc": "解决方案"}]
        return {"code": _ORIGIN.sub("", self.sub_code), "links": links, "message": self.sub_msg}


def missing(parameter: str, text: str) -> Refusal:
    """40001 for a public parameter that is not there."""
    return Refusal("40001", f"isv.missing-{parameter}", text)


def invalid(what: str, text: str) -> Refusal:
    """40002 for a public parameter that is there and wrong."""
    return Refusal("40002", f"isv.invalid-{what}", text)


def bad_signature(text: str) -> Refusal:
    """40002 with the string the gateway built itself, as the real one helps its caller."""
    shown = text.encode(errors="replace").decode().replace("&", "&amp;")
    advice = "验签出错，建议检查签名字符串或签名私钥与应用公钥是否匹配，网关生成的验签字符串为："
    return Refusal("40002", "isv.invalid-signature", advice + shown)


def parameter(name: str, issue: str) -> Refusal:
    """40004 for a business parameter: which one, and why."""
    return Refusal("40004", "ACQ.INVALID_PARAMETER", f"参数无效：{name}{issue}")


def business(sub_code: str, more: Mapping[str, str] | None = None) -> Refusal:
    """40004 with one of the trade's own codes."""
    return Refusal("40004", sub_code, BUSINESS[sub_code], more)


def too_frequent() -> Refusal:
    """40005: what the method may be called at most."""
    return Refusal("40005", "isv.method-call-limited", "方法调用频率超限")


def system_error() -> Refusal:
    """20000: the result is unknown."""
    return Refusal("20000", "aop.ACQ.SYSTEM_ERROR", "系统错误")


BUSINESS = {
    "ACQ.TRADE_NOT_EXIST": "交易不存在",
    "ACQ.TRADE_HAS_SUCCESS": "交易已被支付",
    "ACQ.TRADE_HAS_CLOSE": "交易已经关闭",
    "ACQ.TRADE_HAS_FINISHED": "交易已完结",
    "ACQ.TRADE_STATUS_ERROR": "交易状态非法",
    "ACQ.REASON_TRADE_STATUS_INVALID": "交易状态异常",
    "ACQ.CONTEXT_INCONSISTENT": "交易信息被篡改",
    "ACQ.BUYER_NOT_EXIST": "买家不存在",
    "ACQ.PAYER_UNMATCHED": "付款人不匹配",
    "ACQ.TRADE_BUYER_NOT_MATCH": "交易买家不匹配",
    "ACQ.BUYER_SELLER_EQUAL": "买卖家不能相同",
    "ACQ.BUYER_BALANCE_NOT_ENOUGH": "买家余额不足",
    "ACQ.PAYMENT_AUTH_CODE_INVALID": "支付授权码无效",
    "ACQ.INVALID_RECEIVE_ACCOUNT": "收款账户不合法",
    "ACQ.UNBOUND_APPLICATION": "应用未绑定商户",
    "ACQ.TOTAL_FEE_EXCEED": "订单金额超过限额",
    "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR": "当前时间晚于交易超时时间",
    "ACQ.TRADE_CANCEL_TIME_OUT": "超过撤销时间范围",
    "ACQ.CANCEL_NOT_ALLOWED": "不允许撤销",
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL": "退款金额超限",
    "ACQ.DISCORDANT_REPEAT_REQUEST": "不一致的请求",
    "ACQ.SELLER_BALANCE_NOT_ENOUGH": "卖家余额不足",
    "ACQ.REASON_TRADE_BEEN_FREEZEN": "请求退款的交易被冻结",
    "ACQ.REASON_TRADE_REFUND_FEE_ERR": "退款金额无效",
    "ACQ.REFUND_FEE_ERROR": "交易退款金额有误",
    "ACQ.TRADE_NOT_ALLOW_REFUND": "当前交易不允许退款",
    "ACQ.NOT_ALLOW_PARTIAL_REFUND": "不支持部分退款",
    "ACQ.BUYER_ERROR": "买家状态异常",
    "ACQ.SYSTEM_ERROR": "系统错误",
}
"""Trade codes with their texts (protocol 2)."""

REFUND_REFUSALS = (
    "ACQ.SELLER_BALANCE_NOT_ENOUGH",
    "ACQ.REASON_TRADE_BEEN_FREEZEN",
    "ACQ.REASON_TRADE_REFUND_FEE_ERR",
    "ACQ.TRADE_NOT_ALLOW_REFUND",
    "ACQ.NOT_ALLOW_PARTIAL_REFUND",
    "ACQ.BUYER_ERROR",
    "ACQ.SYSTEM_ERROR",
)
"""What all new refunds of an app can be made to be refused with."""
