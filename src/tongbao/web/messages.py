"""What each refusal says to people, in English and Chinese: a title that never changes, and a sentence with the cure.

The sentences may use the refusal's values in braces.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tongbao.kit.errors import Refusal
from tongbao.kit.words import Words
from tongbao.web.messages_buyers import BUYERS
from tongbao.web.messages_codes import CODES
from tongbao.web.messages_money_back import MONEY_BACK
from tongbao.web.messages_paying import PAYING

MESSAGES: dict[str, tuple[str, str, str, str]] = {
    # Who is asking
    "unauthorized": (
        "Not authenticated",
        "Send `Authorization: Bearer` with a valid API key (sk_…) or buyer session token.",
        "身份未验证",
        "请在 Authorization 头中以 Bearer 方式携带有效的 API 密钥（sk_…）或买家会话令牌。",
    ),
    "key_expired": (
        "API key expired",
        "Make a new key with `tongbao key create`.",
        "API 密钥已过期",
        "请用 `tongbao key create` 新建密钥。",
    ),
    "key_revoked": (
        "API key revoked",
        "Make a new key with `tongbao key create`.",
        "API 密钥已吊销",
        "请用 `tongbao key create` 新建密钥。",
    ),
    "session_expired": (
        "Session expired",
        "Log in again: POST /v1/sessions with a fresh code.",
        "会话已过期",
        "请用新的 code 调用 POST /v1/sessions 重新登录。",
    ),
    "merchant_only": (
        "For merchants only",
        "A buyer's session cannot do this; use an API key, on a server.",
        "仅限商户",
        "买家会话无权执行此操作；请在服务端使用 API 密钥。",
    ),
    # What was asked
    "not_found": ("Not found", "There is nothing at this address.", "未找到", "此地址不存在。"),
    "method_not_allowed": (
        "Method not allowed",
        "This address does not take that HTTP method.",
        "方法不允许",
        "此地址不支持该 HTTP 方法。",
    ),
    "body_too_large": (
        "Body too large",
        "A request body may have at most {limit_bytes} bytes.",
        "请求体过大",
        "请求体最多 {limit_bytes} 字节。",
    ),
    "invalid_json": (
        "Not JSON",
        "The body is not valid JSON in UTF-8.",
        "JSON 格式错误",
        "请求体不是有效的 UTF-8 JSON。",
    ),
    "invalid_request": (
        "Invalid request",
        "Some fields are not as they must be; `errors` names each.",
        "请求无效",
        "部分字段不符合要求，详见 errors。",
    ),
    "invalid_idempotency_key": (
        "Invalid Idempotency-Key",
        "It must be 1 to 255 printable ASCII characters.",
        "Idempotency-Key 无效",
        "须为 1 到 255 个可打印 ASCII 字符。",
    ),
    "idempotency_in_flight": (
        "Same request in progress",
        "The first request with this Idempotency-Key is not answered yet. Ask again shortly.",
        "相同请求处理中",
        "带此 Idempotency-Key 的首个请求尚未完成，请稍后重试。",
    ),
    "idempotency_mismatch": (
        "Idempotency-Key reused",
        "This Idempotency-Key came with another request before. Use a new key.",
        "Idempotency-Key 被重用",
        "此 Idempotency-Key 曾用于内容不同的请求，请换用新的键。",
    ),
    # Logging in
    "unknown_app": (
        "Unknown app",
        "There is no app {app_id} on host {host}: `tongbao app list` shows a merchant's, `tongbao app add` adds one.",
        "未知的小程序",
        "宿主 {host} 上没有登记小程序 {app_id}；可用 `tongbao app list` 查看，用 `tongbao app add` 添加。",
    ),
    "unknown_host": (
        "Unknown host",
        "There is no host `{host}`.",
        "未知的宿主平台",
        "没有名为 {host} 的宿主平台。",
    ),
    "code_used": (
        "Code used already",
        "A log-in code is exchanged once. Get a fresh one on the phone.",
        "登录 code 已使用",
        "登录 code 只能使用一次，请在手机端重新获取。",
    ),
    "invalid_code": (
        "Invalid code",
        "A log-in code has 1 to 512 characters.",
        "登录 code 无效",
        "登录 code 须为 1 到 512 个字符。",
    ),
    "login_refused": (
        "Log-in refused",
        "The host refused the code ({reason}). Get a fresh one on the phone; check app id and secret.",
        "登录被拒绝",
        "宿主平台拒绝了该 code（{reason}）。请重新获取 code，并检查 appid 与密钥。",
    ),
    "host_unavailable": (
        "Host unavailable",
        "The host platform gave no clear answer. Try again; with a fresh code if `fresh_code` is true.",
        "宿主平台暂不可用",
        "宿主平台未给出明确答复，请重试；若 fresh_code 为 true，请先重新获取 code。",
    ),
    # Orders
    "order_not_found": (
        "No such order",
        "There is no order {order_id} for you.",
        "订单不存在",
        "没有属于您的订单 {order_id}。",
    ),
    "order_paid": (
        "Order already paid",
        "Order {order_id} has been paid.",
        "订单已支付",
        "订单 {order_id} 已支付。",
    ),
    "order_closed": (
        "Order closed",
        "Order {order_id} is closed and cannot be paid. Create a new one.",
        "订单已关闭",
        "订单 {order_id} 已关闭，无法支付，请重新下单。",
    ),
    "order_expired": (
        "Order expired",
        "The time to pay order {order_id} is over. Create a new one.",
        "订单已过期",
        "订单 {order_id} 已超过支付时限，请重新下单。",
    ),
    "reference_conflict": (
        "Reference used before",
        "Reference {reference} came before, with other content (order {order_id}). Use a new one, or send the same.",
        "商户单号冲突",
        "商户单号 {reference} 曾用于内容不同的请求（订单 {order_id}），请更换单号或提交相同内容。",
    ),
    "unknown_buyer": (
        "Unknown buyer",
        "There is no buyer {buyer_id}. A buyer exists once POST /v1/sessions has answered.",
        "未知的买家",
        "没有买家 {buyer_id}；买家在 POST /v1/sessions 成功后产生。",
    ),
    "payer_needed": (
        "Payer needed",
        "Method {method} needs to know who pays: name a buyer in the order, or pay with the buyer's session.",
        "缺少付款人",
        "支付方式 {method} 需要付款人：请在订单中指定 buyer，或使用买家会话支付。",
    ),
    "unknown_channel": (
        "Unknown channel",
        "There is no channel `{channel}`.",
        "未知的支付渠道",
        "没有名为 {channel} 的支付渠道。",
    ),
    "no_account": (
        "No account for this channel",
        "The merchant has no active {channel} account for this app. Add one with `tongbao account add`.",
        "未配置支付账户",
        "商户没有可用于此小程序的 {channel} 账户，请用 `tongbao account add` 添加。",
    ),
    "unknown_method": (
        "Unknown payment method",
        "There is no method `{method}` on this channel; it has: {methods}.",
        "未知的支付方式",
        "该渠道没有支付方式 {method}；可用：{methods}。",
    ),
    "payment_rejected": (
        "Payment rejected by the gateway",
        "The gateway refused: {channel_code} {channel_message}",
        "支付渠道拒绝",
        "支付渠道拒绝了请求：{channel_code} {channel_message}",
    ),
    "payment_in_progress": (
        "Payment in progress",
        "A payment of this order is being started right now. Ask again shortly.",
        "支付进行中",
        "该订单正在发起支付，请稍后再试。",
    ),
    "payment_held": (
        "Payment held",
        "The gateway's word about this order does not match what was asked for. A person must look at it.",
        "支付待核查",
        "支付渠道的结果与订单不符，需人工核查。",
    ),
    "close_rejected": (
        "Close refused by the gateway",
        "The gateway refused to close: {channel_code} {channel_message}",
        "支付渠道拒绝关单",
        "支付渠道拒绝关单：{channel_code} {channel_message}",
    ),
    "channel_unavailable": (
        "Gateway unavailable",
        "The payment gateway could not be reached. Nothing happened; try again.",
        "支付渠道不可用",
        "暂时无法连接支付渠道，未发生任何扣款，请重试。",
    ),
    "channel_uncertain": (
        "Gateway gave no clear answer",
        "The payment gateway may or may not have acted. Try again: what was begun goes on, and we keep asking.",
        "支付渠道结果未知",
        "支付渠道未给出明确答复。请重试：将继续同一笔交易，系统也会持续查询。",
    ),
    "channel_untrusted": (
        "Gateway's answer not proven",
        "The answer could not be proven, so it was not believed ({channel_code}). Check the account's platform key or "
        "certificates, and the clock; `tongbao explain` with the order's id says more.",
        "支付渠道应答验签失败",
        "应答验签失败，未予采信（{channel_code}）。请检查账户的平台公钥或证书以及系统时钟；用 `tongbao explain` "
        "加订单编号可查看详情。",
    ),
    "unknown_account": (
        "Unknown account",
        "There is no account {account_id}: `tongbao account list` shows them. A notify address ends with its id.",
        "未知的支付账户",
        "没有支付账户 {account_id}；可用 `tongbao account list` 查看。通知地址以账户编号结尾。",
    ),
    # Webhooks
    "egress_forbidden": (
        "Address not allowed",
        "We do not send to {url_host}: {reason}",
        "地址不被允许",
        "不允许向 {url_host} 发送：{reason}",
    ),
    "unknown_event": (
        "No such event",
        "There is no event {event_id} for you.",
        "事件不存在",
        "没有属于您的事件 {event_id}。",
    ),
    "unknown_webhook_endpoint": (
        "No such endpoint",
        "There is no webhook endpoint {endpoint_id} for you.",
        "端点不存在",
        "没有属于您的回调端点 {endpoint_id}。",
    ),
    "webhook_endpoint_disabled": (
        "Endpoint disabled",
        "Endpoint {endpoint_id} is disabled. Enable it first.",
        "端点已停用",
        "回调端点 {endpoint_id} 已停用，请先启用。",
    ),
    "webhook_url_taken": (
        "Address has an endpoint",
        "This address is an endpoint of the merchant already.",
        "地址已登记",
        "该地址已是商户的回调端点。",
    ),
    "nowhere_to_replay": (
        "Nowhere to send it",
        "Event {event_id} was for no endpoint that is active now. Name one.",
        "无处重发",
        "事件 {event_id} 没有可用的回调端点，请指定一个。",
    ),
    # Setting up
    "unknown_merchant": (
        "Unknown merchant",
        "There is no merchant {merchant_id}: `tongbao merchant list` shows them.",
        "未知的商户",
        "没有商户 {merchant_id}；可用 `tongbao merchant list` 查看。",
    ),
    "unknown_key": (
        "Unknown key",
        "There is no key {key_id} of this merchant: `tongbao key list` shows them.",
        "未知的密钥",
        "该商户没有密钥 {key_id}；可用 `tongbao key list` 查看。",
    ),
    "invalid_name": (
        "Invalid name",
        "A name has 1 to 100 printable characters and no blanks around it.",
        "名称无效",
        "名称须为 1 到 100 个可打印字符，首尾不含空格。",
    ),
    "invalid_app": ("Invalid app", "Setting {field}: {reason}", "小程序配置无效", "配置项 {field}：{reason}"),
    "app_taken": (
        "App registered already",
        "App {app_id} on host {host} is registered already: `tongbao app update` changes it, if it is yours.",
        "小程序已登记",
        "宿主 {host} 上的小程序 {app_id} 已登记；如属本商户，可用 `tongbao app update` 修改。",
    ),
    "invalid_account": ("Invalid account", "Setting {field}: {reason}", "支付账户配置无效", "配置项 {field}：{reason}"),
    "conflict": (
        "Too many at once",
        "Others changed the same thing at this moment. Nothing was done; ask again.",
        "并发冲突",
        "同一对象正被其他请求修改，本次未做任何更改，请重试。",
    ),
    "service_unavailable": (
        "Not available now",
        "The database does not answer. Ask again shortly; sending the same request again is safe.",
        "服务暂不可用",
        "数据库暂无应答，请稍后重试；重复提交相同请求是安全的。",
    ),
    "internal_error": (
        "Internal error",
        "Something broke on our side. It is logged as {error_id}; ask again.",
        "内部错误",
        "服务内部出错，日志编号 {error_id}，请重试。",
    ),
    **BUYERS,
    **CODES,
    **MONEY_BACK,
    **PAYING,
}


def words_of(refusal: Refusal, *, chinese: bool = False) -> tuple[str, str]:
    """A refusal's title, and the sentence with the cure. A value that is missing shows a gap rather than failing."""
    if refusal.code not in MESSAGES:
        return refusal.code, str(refusal)
    title, sentence = MESSAGES[refusal.code][2:] if chinese else MESSAGES[refusal.code][:2]
    return title, fill(sentence, spoken(refusal.values, chinese=chinese))


def spoken(values: Mapping[str, Any], *, chinese: bool) -> dict[str, Any]:
    """A refusal's values, those that are sentences in the language that is asked for."""
    language = "zh" if chinese else "en"
    return {name: value.speak(language) if isinstance(value, Words) else value for name, value in values.items()}


def fill(sentence: str, values: Mapping[str, Any]) -> str:
    """A sentence with its values in the braces."""
    return sentence.format_map(_Blank(values))


class _Blank(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "…"


FIELD_ISSUES = {
    "missing": "缺少此字段",
    "extra_forbidden": "不认识此字段",
    "int_type": "必须是整数（单位：分）",
    "int_from_float": "必须是整数（单位：分）",
    "greater_than_equal": "不得小于 {ge}",
    "less_than_equal": "不得大于 {le}",
    "string_type": "必须是字符串",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "string_pattern_mismatch": "须符合 {pattern}",
    "list_type": "必须是数组",
    "too_long": "最多 {max_length} 项",
    "dict_type": "必须是对象",
    "model_type": "必须是对象",
    "model_attributes_type": "必须是对象",
    "bool_type": "必须是布尔值",
    "enum": "须为 {expected}",
    "literal_error": "须为 {expected}",
    "auth_code": "须为扫码枪读出的 10 至 64 位字母或数字",
    "beside_only": "only 与 without 不能同时使用，请去掉其中一项",
}
"""What is wrong with a field, in Chinese, by pydantic's error type. The English stands beside the rule: in pydantic, or
where a schema raises an error of its own."""
