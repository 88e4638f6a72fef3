"""Refusals in WeChat Pay's own words: HTTP status, `code`, message, numeric sub-code and detail (protocol 1.9)."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """A request WeChat Pay refuses. `number` ends the Request-ID; `detail` is the optional object of the body."""

    def __init__(
        self, status: int, code: str, message: str, number: int, detail: Mapping[str, object] | None = None
    ) -> None:
        super().__init__(f"{code} {message}")
        self.status = status
        self.code = code
        self.message = message
        self.number = number
        self.detail = detail

    def body(self) -> dict[str, object]:
        """The answer's JSON object."""
        body: dict[str, object] = {"code": self.code, "message": self.message}
        return body if self.detail is None else {"code": self.code, "detail": self.detail, "message": self.message}


def parameter(field: str, issue: str, value: object = None, location: str = "body", number: int = 268435461) -> Refusal:
    """400 PARAM_ERROR that points at the field."""
    detail: dict[str, object] = {"field": field, "issue": issue, "location": location}
    if value is not None:
        detail["value"] = value
    return Refusal(400, "PARAM_ERROR", f"参数错误: {field} {issue}", number, detail)


def unknown_fields(pointers: list[str]) -> Refusal:
    """400 for keys the API does not define; the shape is the one seen from the real gateway."""
    detail = {"location": None, "value": pointers}
    return Refusal(400, "PARAM_ERROR", "请求中含有未在API文档中定义的参数", 270924358, detail)


def bad_signature(issue: str, message: str, sign_information: Mapping[str, object]) -> Refusal:
    """401 SIGN_ERROR with the nesting the real gateway has."""
    detail: dict[str, object] = {"detail": {"issue": issue}, "field": "signature", "location": "authorization"}
    return Refusal(401, "SIGN_ERROR", message, 268443699, detail | {"sign_information": sign_information})


def merchant_unknown() -> Refusal:
    """400 MCH_NOT_EXISTS."""
    return Refusal(400, "MCH_NOT_EXISTS", "商户号不存在，请检查后再试", 268443715)


def merchant_differs(location: str) -> Refusal:
    """400: the number in the Authorization header is not the one in the body or query."""
    detail = {"field": "mchid", "location": location}
    return Refusal(400, "PARAM_ERROR", "http header中的mchid与post payload中的mchid不匹配", 268435461, detail)


def app_not_bound() -> Refusal:
    """400 APPID_MCHID_NOT_MATCH."""
    return Refusal(400, "APPID_MCHID_NOT_MATCH", "appid和mch_id不匹配，请检查后再试", 268445527)


def openid_differs() -> Refusal:
    """The openid is nobody's under this appid. The published table gives it status 500."""
    return Refusal(500, "OPENID_MISMATCH", "appid与openid不匹配", 268435461)


def other_parameters() -> Refusal:
    """400: the same number again with other parameters."""
    return Refusal(400, "INVALID_REQUEST", "请求重入时，参数与首次请求时不一致", 268498688)


def order_paid() -> Refusal:
    """400 ORDER_PAID, on creating again and on closing."""
    return Refusal(400, "ORDER_PAID", "该订单已支付", 268449538)


def order_closed() -> Refusal:
    """400 ORDER_CLOSED, on creating again."""
    return Refusal(400, "ORDER_CLOSED", "该订单已关闭，请重新下单", 268447914)


def order_reversed() -> Refusal:
    """400 ORDER_REVERSED, on charging again."""
    return Refusal(400, "ORDER_REVERSED", "当前订单已经被撤销，请使用新单号发起支付", 268435461)


def number_used() -> Refusal:
    """403 OUT_TRADE_NO_USED: an order paid by code had the number, and was reversed."""
    return Refusal(403, "OUT_TRADE_NO_USED", "商户订单号已被使用，请更换后重试", 268435461)


def only_reversible() -> Refusal:
    """400: an order paid by code is reversed and never closed."""
    return Refusal(400, "INVALID_REQUEST", "付款码支付订单不支持关闭，请使用撤销接口", 268449641)


def user_paying() -> Refusal:
    """202 USERPAYING: the buyer is typing the password; ask again."""
    return Refusal(202, "USERPAYING", "用户支付中，需要输入密码", 268435461)


def code_invalid(message: str) -> Refusal:
    """400 AUTH_CODE_INVALID: no payment code, or a used one."""
    return Refusal(400, "AUTH_CODE_INVALID", message, 268435461)


def code_expired() -> Refusal:
    """403 AUTH_CODE_EXPIRE: the phone shows another code by now."""
    return Refusal(403, "AUTH_CODE_EXPIRE", "101 付款码已过期，请退出重试", 268435461)


def product_missing() -> Refusal:
    """403 NO_AUTH: the merchant has not been granted this way to pay."""
    return Refusal(403, "NO_AUTH", "商户号该产品权限未开通，请前往商户平台>产品中心检查后重试", 268435461)


def order_unknown() -> Refusal:
    """404 ORDER_NOT_EXIST."""
    return Refusal(404, "ORDER_NOT_EXIST", "订单不存在", 268512771)


def refund_order_unknown() -> Refusal:
    """404 RESOURCE_NOT_EXISTS when a refund names an order that is not there."""
    return Refusal(404, "RESOURCE_NOT_EXISTS", "订单不存在", 268512771)


def refund_unknown() -> Refusal:
    """404 RESOURCE_NOT_EXISTS when a refund is asked for that is not there."""
    return Refusal(404, "RESOURCE_NOT_EXISTS", "退款单不存在", 268435461)


def against_the_rules(message: str) -> Refusal:
    """400 INVALID_REQUEST: well-formed, but a business rule forbids it (protocol 5.3, 5.4)."""
    return Refusal(400, "INVALID_REQUEST", message, 268435461)


def no_certificates() -> Refusal:
    """404 on /v3/certificates for a merchant that has only the public key."""
    message = "无可用的平台证书，请在商户平台-API安全申请使用微信支付公钥。"
    return Refusal(404, "RESOURCE_NOT_EXISTS", message, 268435461)


def path_unknown() -> Refusal:
    """404 for a path the gateway does not have."""
    return Refusal(404, "RESOURCE_NOT_EXISTS", "请求的URL不存在", 268435461)


def method_not_allowed(method: str) -> Refusal:
    """405; its body's shape is not published, so it is that of the other errors."""
    return Refusal(405, "INVALID_REQUEST", f"不支持的请求方法 {method}", 268435461)


def too_frequent() -> Refusal:
    """429 FREQUENCY_LIMITED."""
    return Refusal(429, "FREQUENCY_LIMITED", "频率超限，请稍后再试", 268447840)


def system_error() -> Refusal:
    """500 SYSTEM_ERROR."""
    return Refusal(500, "SYSTEM_ERROR", "系统异常，请稍后重试", 268435456)


REFUND_REFUSALS = {
    "ACCOUNT_ERROR": (403, "商户账户异常，请联系微信支付", 268435461),
    "FREQUENCY_LIMITED": (429, "频率超限，请降低频率后使用原单号重试", 268447840),
    "NOT_ENOUGH": (403, "基本账户余额不足，请充值后重新发起", 268435461),
    "NO_AUTH": (403, "商户号该产品权限未开通，请前往商户平台>产品中心检查后重试", 268435461),
    "REQUEST_BLOCKED": (403, "此商户号的退款功能暂时受限", 268448010),
    "RULE_LIMIT": (403, "此商户号的退款超过业务限制", 268435461),
    "SYSTEM_ERROR": (500, "系统异常，请使用原单号重试", 268435456),
    "USER_ACCOUNT_ABNORMAL": (403, "用户账户异常或已注销，退款失败", 268435461),
}
"""What a merchant can be made to hear whenever it asks for a refund: status, message, sub-code."""


def refund_refused(code: str) -> Refusal:
    """One of REFUND_REFUSALS; nothing was created."""
    status, message, number = REFUND_REFUSALS[code]
    return Refusal(status, code, message, number)


CODE_REFUSALS = {
    "ACCOUNT_ERROR": (403, "用户账户异常，请更换付款方式", 268435461),
    "BANK_ERROR": (500, "银行系统异常，请查询订单确认支付结果", 268435456),
    "NOT_ENOUGH": (403, "用户余额不足，请更换付款方式", 268435461),
    "REQUEST_BLOCKED": (403, "交易存在风险，支付未成功", 268448010),
    "RULE_LIMIT": (403, "支付超过业务限制，请更换付款方式", 268435461),
    "SYSTEM_ERROR": (500, "系统异常，请查询订单确认支付结果", 268435456),
    "TRADE_ERROR": (403, "交易错误，请更换付款方式", 268435461),
}
"""What a payment by code can fail with: status, message, sub-code. After a 5xx the order is PAYERROR, else NOTPAY."""


def code_refused(code: str) -> Refusal:
    """One of CODE_REFUSALS; no money has moved."""
    status, message, number = CODE_REFUSALS[code]
    return Refusal(status, code, message, number)
