"""The small words that stand in the braces of sentences, and filling those."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from tongbao.kit.money import yuan
from tongbao.kit.words import Words


def say(words: Words, **values: object) -> Words:
    """A sentence with its braces filled; a value that is Words itself is taken in the sentence's own language."""
    english = {name: value.en if isinstance(value, Words) else value for name, value in values.items()}
    chinese = {name: value.zh if isinstance(value, Words) else value for name, value in values.items()}
    return Words(words.en.format_map(english), words.zh.format_map(chinese))


def word(vocabulary: Mapping[str, Words], code: str) -> Words:
    """A code in words, or as it is where there are none for it."""
    return vocabulary.get(code) or Words(code, code)


def money(amount: int) -> str:
    """Fen as people write them: 1800 → `¥18.00`."""
    return f"¥{yuan(amount)}"


def span(length: timedelta) -> Words:
    """A length of time in its largest unit: `25 s`, `4 min`, `3 h`, `2 days`."""
    seconds = max(0, round(length.total_seconds()))
    for unit_seconds, english, chinese in ((172_800, "days", "天"), (7200, "h", "小时"), (120, "min", "分钟")):
        if seconds >= unit_seconds:
            count = seconds // {"days": 86_400, "h": 3600, "min": 60}[english]
            return Words(f"{count} {english}", f"{count} {chinese}")
    return Words(f"{seconds} s", f"{seconds} 秒")


CURES = {
    "rejected": Words(
        "the gateway refuses this as it stands; look its code up in the gateway's documents",
        "支付渠道拒绝此请求；请在支付渠道文档中查询该错误码",
    ),
    "unavailable": Words(
        "nothing happened there and it is tried again by itself; if this stays, check the network to the gateway",
        "对方未收到请求，系统会自动重试；若持续出现，请检查到支付渠道的网络",
    ),
    "uncertain": Words(
        "the gateway may have acted; we ask before we act again, and there is nothing to do",
        "支付渠道可能已处理；系统会先查询再操作，无需处理",
    ),
    "untrusted": Words(
        "check the account's platform key or certificates (`tongbao account update`), and this machine's clock",
        "请检查账户的平台公钥或证书（`tongbao account update`）以及本机时钟",
    ),
}
"""What to do about a failed call whose code the channel has no advice for, by the kind of failure."""

ASKED = {
    "prepare": Words("to prepare the payment", "下单"),
    "query": Words("what became of the payment", "查询支付结果"),
    "close": Words("to close the payment", "关闭支付"),
    "collect": Words("to collect from the scanned code", "扫付款码收款"),
    "reverse": Words("to undo the payment of the scanned code", "撤销付款码支付"),
    "refund": Words("to send {amount} back", "申请退款 {amount}"),
    "query_refund": Words("what became of the refund of {amount}", "查询退款 {amount} 的结果"),
    "redirect_refund": Words("to send the {amount} of the abnormal refund elsewhere", "申请异常退款 {amount} 的处理"),
}

REASONS = {
    "order_already_paid": Words("the order was paid already", "订单已支付"),
    "order_closed": Words("the order was closed", "订单已关闭"),
    "returned": Words("a person decided so", "人工决定退还"),
    "dismissed": Words("a person decided that no money of ours came in", "人工确认并未收到款项"),
    "wrong_merchant": Words("the gateway named another merchant", "支付渠道所述的商户号不符"),
    "wrong_app": Words("the gateway named another app", "支付渠道所述的应用不符"),
    "wrong_currency": Words("the gateway named another currency", "支付渠道所述的币种不符"),
    "wrong_amount": Words("the gateway named another amount", "支付渠道所述的金额不符"),
    "expired": Words("its time to be paid was over", "已超过支付时限"),
    "by_merchant": Words("by the merchant", "由商户关闭"),
    "reversed": Words(
        "nobody could be sure of it in time, so it was undone: whatever was collected went back",
        "未能及时确认结果，已撤销，已扣款项会退回买家",
    ),
    "refunded_outside": Words(
        "it sent money back that nobody asked for here", "有退款并非由本系统发起，可能是在支付渠道后台操作"
    ),
    "order_not_open": Words("the order was no longer open", "订单已不再待支付"),
}

VERDICTS = {
    "succeeded": Words("the payment succeeded, and the order is paid", "支付成功，订单已支付"),
    "surplus": Words("the payment succeeded, but the order did not need it", "支付成功，但订单不需要这笔款"),
    "failed": Words("the payment failed", "支付失败"),
    "closed": Words("the payment was closed", "支付已关闭"),
    "repeated": Words("we knew this already, nothing moved", "内容已知，无变化"),
    "no_news": Words("no final state yet, nothing moved", "尚无最终结果，无变化"),
    "held": Words("it does not match what we asked for, so it was held", "与请求不符，已暂挂"),
    "doubted": Words("we had undone the payment, so the gateway is asked again", "该支付已撤销，将向支付渠道再次确认"),
    "unknown_payment": Words("it is about a payment that we do not know on this account", "此账户没有这笔支付"),
    "signature_missing": Words("it carries no signature", "没有签名"),
    "signature_probe": Words(
        "it is one of the gateway's own probes, which must be refused", "支付渠道的签名探测，应当拒绝"
    ),
    "timestamp_stale": Words("its time is too far from our clock", "时间戳与本机时钟相差过大"),
    "serial_unknown": Words("it names a key that we do not have", "所用密钥编号未知"),
    "signature_wrong": Words("its signature does not fit its bytes", "签名与内容不符"),
    "decryption_failed": Words("it does not decrypt with this account's key", "无法用此账户的密钥解密"),
    "refund_sent": Words("the refund was taken on", "退款已受理"),
    "refund_succeeded": Words("the refund succeeded", "退款成功"),
    "refund_closed": Words("the refund was closed", "退款已关闭"),
    "refund_abnormal": Words("the refund is abnormal", "退款异常"),
    "mismatched": Words("it does not match the refund that we asked for, nothing moved", "与申请的退款不符，无变化"),
    "unknown_refund": Words("it is about a refund that we do not know on this account", "此账户没有这笔退款"),
    "wrong_account": Words("it is for another app or merchant", "属于其他应用或商户"),
    "malformed": Words("it is the gateway's, but cannot be read", "来自支付渠道，但无法解析"),
    "not_about_payments": Words("it is not about payments", "与支付无关"),
}

KINDS = {
    "payment_surplus": Words("a payment that the order did not need", "多收款"),
    "payment_held": Words("a payment that does not match", "支付待核查"),
    "refund_abnormal": Words("an abnormal refund", "退款异常"),
    "refund_closed": Words("a refund that the gateway closed", "退款被关闭"),
    "refund_mismatch": Words("a refund that does not match", "退款待核查"),
    "refund_too_much": Words("more went back than should have", "多退款"),
    "payment_kept": Words("a payment that could not be undone", "无法撤销的支付"),
    "payment_mismatch": Words("a contradiction about a settled payment", "已结支付说法不一"),
    "refund_blocked": Words("a refund that the gateway refuses for now", "退款暂不受理"),
}

WHO = {
    "tongbao": Words("We", "系统"),
    "policy": Words("A rule of ours", "系统规则"),
    "the gateway": Words("The gateway", "支付渠道"),
}

RESOLUTIONS = {
    "sent": Words("it was sent", "已受理"),
    "succeeded": Words("it succeeded", "已成功"),
    "closed": Words("it was closed", "已关闭"),
    "abnormal": Words("it became abnormal", "转为异常"),
    "returned": Words("the money is back", "款项已退回"),
    "confirmed": Words("the gateway settled it", "支付渠道已确认"),
    "accept": Words("the money is taken for the order", "接受为订单付款"),
    "return": Words("the money goes back", "退还买家"),
    "dismiss": Words("it is no money of ours", "确认未收到款项"),
    "handled": Words("somebody saw to it", "已人工处理"),
    "handled_outside": Words("the buyer got the money by other means", "已用其他方式退给买家"),
}

ACCOUNTS = {
    "clearing": Words("what the gateway holds", "渠道清算"),
    "merchant": Words("the merchant", "商户"),
    "surplus": Words("surplus", "多收款"),
    "refunding": Words("what is going back", "退款在途"),
}

OUTCOMES = {
    "disabled": Words("the endpoint was disabled", "端点已停用"),
    "gone": Words("it wants no more (HTTP 410)", "对方不再接收（HTTP 410）"),
    "redirected": Words("it answered with a redirect (HTTP {status})", "返回跳转（HTTP {status}）"),
    "refused": Words("it answered HTTP {status}", "返回 HTTP {status}"),
    "timed_out": Words("it did not answer in time", "应答超时"),
    "name_unknown": Words("its name is not known", "域名无法解析"),
    "tls_failed": Words("its certificate does not hold", "TLS 证书无效"),
    "unreachable": Words("it could not be reached", "无法连接"),
    "egress_forbidden": Words("its address is not allowed", "地址不被允许"),
}

DUE_IN = Words("due in {span}", "须在 {span}内处理")
OVERDUE = Words("{span} overdue", "已超期 {span}")
IN = Words("in {span}", "{span}后")
AT_ONCE = Words("at once", "随即")
COMMA = Words(": ", "：")
