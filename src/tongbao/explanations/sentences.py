"""Every sentence that an explanation can say, by its code. What stands in braces is filled by `words.say`."""

from __future__ import annotations

from tongbao.kit.words import Words

STORY = {
    "numbered": Words("Payment {number}: {text}", "第 {number} 笔支付：{text}"),
    "order_opened": Words(
        "The merchant's server opened order {reference}: {amount} for “{subject}”",
        "商户服务器创建订单 {reference}：{amount}，“{subject}”",
    ),
    "order_closed": Words("The order was closed: {reason}", "订单关闭：{reason}"),
    "attempt_started": Words(
        "A payment was begun by {channel} {method}; the gateway knows it by the number {id}",
        "发起支付（{channel} {method}），在支付渠道的商户订单号为 {id}",
    ),
    "attempt_prepared": Words(
        "We asked the gateway to prepare it; it did, and the phone could pay",
        "我们向支付渠道下单成功，手机可以支付",
    ),
    "attempt_signed": Words(
        "We signed it: the buyer goes to the gateway with it, which hears of the payment only then",
        "我们完成签名，买家凭此前往支付渠道，届时渠道才会生成交易",
    ),
    "attempt_asked": Words(
        "The buyer's code was scanned; the gateway said no end yet: the buyer may have to type a password",
        "已扫买家付款码，支付渠道尚无最终结果，买家可能需要输入密码",
    ),
    "attempt_paid": Words("The buyer paid, by the gateway's clock", "买家付款（支付渠道记录的时间）"),
    "attempt_succeeded": Words("We counted the payment: the order is paid", "支付生效，订单已支付"),
    "attempt_revived": Words(
        "The payment came after the order was closed: by the merchant's policy the order was revived and is paid",
        "订单关闭后收到付款，按商户策略恢复订单，订单已支付",
    ),
    "attempt_accepted": Words(
        "The held payment was accepted by a person: the order is paid", "人工接受了待核查的支付，订单已支付"
    ),
    "attempt_surplus": Words(
        "We counted the payment as surplus, to go back to the buyer: {reason}", "支付记为多收款，将退还买家：{reason}"
    ),
    "attempt_held": Words("We held the payment for a person to decide: {reason}", "支付暂挂，待人工核查：{reason}"),
    "attempt_failed": Words("The payment failed: {reason}", "支付失败：{reason}"),
    "attempt_closed": Words("The payment was closed: {reason}", "支付关闭：{reason}"),
    "call_answered": Words("We asked the gateway {asked}: it answered {code}", "我们向支付渠道{asked}：应答 {code}"),
    "call_rejected": Words("We asked the gateway {asked}: it refused, {code}", "我们向支付渠道{asked}：被拒绝，{code}"),
    "call_unavailable": Words(
        "We asked the gateway {asked}: it did not hear us, {code}", "我们向支付渠道{asked}：未送达，{code}"
    ),
    "call_uncertain": Words(
        "We asked the gateway {asked}: no clear answer, {code}", "我们向支付渠道{asked}：结果不明，{code}"
    ),
    "call_untrusted": Words(
        "We asked the gateway {asked}: the answer is not proven to be its own, {code}",
        "我们向支付渠道{asked}：应答验签失败，{code}",
    ),
    "notice": Words("The gateway notified us: {verdict}", "支付渠道通知：{verdict}"),
    "notice_unproven": Words(
        "A notification came that may have been about this order, and was refused: {verdict}",
        "收到一条可能与本订单有关的通知，已拒绝：{verdict}",
    ),
    "refund_requested": Words(
        "The merchant asked to send {amount} back, as refund {reference}: {reason}",
        "商户申请退款 {amount}，退款单号 {reference}：{reason}",
    ),
    "refund_returning": Words(
        "We set out to send back {amount} that the order did not need", "系统开始退还订单不需要的 {amount}"
    ),
    "refund_sent": Words("The gateway took the refund of {amount} on", "支付渠道受理退款 {amount}"),
    "refund_succeeded": Words("The refund succeeded: {amount} went back", "退款成功：{amount} 已退回"),
    "refund_closed": Words(
        "The gateway closed the refund of {amount}: {reason}", "支付渠道关闭了退款 {amount}：{reason}"
    ),
    "refund_abnormal": Words(
        "The refund is abnormal: {amount} could not reach the buyer and waits at the gateway",
        "退款异常：{amount} 未能退到买家，滞留在支付渠道",
    ),
    "refund_handled_outside": Words(
        "A person wrote down that the buyer got the {amount} by other means", "人工确认买家已通过其他方式收到 {amount}"
    ),
    "case_opened": Words("{who} opened a case: {kind}", "{who} 建立个案：{kind}"),
    "case_noted": Words("{who} noted on the case: {note}", "{who} 备注：{note}"),
    "case_closed": Words(
        "{who} closed the case ({kind}): {resolution}{note}", "{who} 关闭个案（{kind}）：{resolution}{note}"
    ),
    "posted": Words("The books: {debit} is debited, {credit} credited", "记账：借 {debit}，贷 {credit}"),
    "published": Words("The merchant is to be told of {type} at {host}", "将向商户 {host} 推送 {type}"),
    "delivered": Words("{host} was told of {type} and took it", "{host} 已接收 {type}"),
    "not_delivered": Words(
        "{host} was told of {type} and did not take it: {outcome}", "{host} 未接收 {type}：{outcome}"
    ),
}

STANDS = {
    "surplus": Words("{amount} that it did not need", "多收的 {amount}"),
    "open_new": Words("The order is open: nobody has begun to pay", "订单待支付：尚未发起支付"),
    "open_failed": Words("The order is open: no payment of it succeeded yet", "订单待支付：尚无成功的支付"),
    "open_held": Words("The order is open", "订单待支付"),
    "open_waiting": Words(
        "The order is open: the gateway has not said that it was paid", "订单待支付：支付渠道尚未确认付款"
    ),
    "open_unknown": Words(
        "The order is open, and we do not know whether it was paid: the gateway gave no clear answer ({code})",
        "订单待支付，付款结果未知：支付渠道未给出明确答复（{code}）",
    ),
    "closed": Words("The order is closed, and keeps no money", "订单已关闭，未保留任何款项"),
    "paid": Words("The order is paid: {amount} is there", "订单已支付：{amount} 已到账"),
    "partly_refunded": Words(
        "The order is paid: {refunded} of {amount} went back, {kept} is left",
        "订单已支付：{amount} 中已退 {refunded}，剩余 {kept}",
    ),
    "refunded": Words("The order was paid, and all of the {amount} went back", "订单已支付，{amount} 已全部退回"),
    "payment_held": Words(
        "a payment is held because {reason}: {received} waits for a person's decision, {due}",
        "有一笔支付待人工核查（{reason}），涉及 {received}，{due}",
    ),
    "refund_abnormal": Words(
        "{amount} could not reach the buyer and waits at the gateway for a person's decision, {due}",
        "{amount} 未能退到买家，滞留在支付渠道，待人工处理，{due}",
    ),
    "refund_blocked": Words(
        "the gateway refuses for now to send {amount} back ({code})", "支付渠道暂不受理退款 {amount}（{code}）"
    ),
    "refund_closed": Words(
        "the gateway closed the refund of {amount} ({code}): the buyer has not got it back",
        "支付渠道关闭了退款 {amount}（{code}）：买家尚未收到退款",
    ),
    "payment_mismatch": Words(
        "the gateway now says of a payment that we counted something else ({reason}): a person must look, {due}",
        "支付渠道对一笔已入账的支付改口（{reason}），待人工核查，{due}",
    ),
    "payment_kept": Words(
        "the gateway refuses to undo the payment of the scanned code ({reason}), which may still succeed, {due}",
        "支付渠道拒绝撤销付款码支付（{reason}），该支付仍可能成功，{due}",
    ),
    "refund_too_much": Words(
        "the refund of {amount} went back although it should not have: the buyer got too much, {due}",
        "退款 {amount} 本不应退出，买家多收了钱，待人工处理，{due}",
    ),
    "refund_mismatch": Words(
        "the gateway's word about the refund of {amount} does not match what we asked for: a person must look, {due}",
        "支付渠道对退款 {amount} 的答复与请求不符，待人工核查，{due}",
    ),
    "surplus_waiting": Words("{amount} is going back to the buyer by itself", "{amount}正自动退还买家"),
    "refund_going": Words("{amount} is going back to the buyer", "{amount} 正在退回买家"),
    "surplus_returned": Words("{amount} went back to the buyer", "{amount} 已退还买家"),
    "webhook_given_up": Words(
        "{host} could not be told of {type}: we gave up ({outcome})",
        "向 {host} 推送 {type} 失败，已停止重试（{outcome}）",
    ),
    "webhook_failing": Words(
        "{host} has not taken {type} yet ({outcome}), and is told again {due}",
        "{host} 尚未接收 {type}（{outcome}），{due}重试",
    ),
    "payable": Words("it can be paid for another {span}", "剩余支付时间 {span}"),
    "expired": Words("its time to be paid is over, and it is about to be closed", "已超过支付时限，即将关闭"),
    "asking": Words("we ask the gateway again in {span}", "{span}后再次询问支付渠道"),
    "asking_late": Words("we should have asked the gateway {span} ago", "本应在 {span}前询问支付渠道"),
    "settled": Words("nothing is owed, and nothing is waited for", "无欠款，无待处理事项"),
}

NEXT = {
    "decide": Words(
        "Look into case {case_id} and close it with one of {choices}: `tongbao case close {case_id} --resolution …`"
        " or POST /v1/cases/{case_id}/close",
        "核实个案 {case_id}，并选择 {choices} 之一处理：`tongbao case close {case_id} --resolution …`"
        " 或 POST /v1/cases/{case_id}/close",
    ),
    "compare_books": Words(
        "Compare the gateway's own bill with ours, settle the difference with whom it concerns, and close case"
        " {case_id} with {choices}",
        "请核对支付渠道账单与本系统账本，与相关方处理差额后，以 {choices} 关闭个案 {case_id}",
    ),
    "redirect_refund": Words(
        "Send the money elsewhere: `tongbao refund redirect {refund_id} --to buyer_card` (or merchant_card), or POST"
        " /v1/refunds/{refund_id}/redirect. If it was returned by other means, close case {case_id} with {choices}",
        "改退到其他账户：`tongbao refund redirect {refund_id} --to buyer_card`（或 merchant_card），或 POST"
        " /v1/refunds/{refund_id}/redirect；若已用其他方式退款，请以 {choices} 关闭个案 {case_id}",
    ),
    "watch_payment": Words(
        "Let the buyer not pay again before it has ended: we go on asking, and its case ends with it. See what the"
        " refusal says, and cancel it at the gateway's own site if it must not succeed; else close case {case_id} with"
        " {choices}",
        "在该支付有结果之前，请勿让买家再次付款：系统会继续查询，结果明确后个案自动关闭。请按拒绝原因处理，若不应成功，"
        "请在支付渠道后台撤销；否则以 {choices} 关闭个案 {case_id}",
    ),
    "refund_otherwise": Words(
        "See in the gateway's own bill whether {amount} went back already. If not, give it to the buyer by other means,"
        " or ask for a new refund; then close case {case_id} with {choices}",
        "请先在支付渠道账单中核对 {amount} 是否已经退回；若没有，请用其他方式退还买家，或重新申请退款；"
        "然后以 {choices} 关闭个案 {case_id}",
    ),
    "return_again": Words(
        "{cure}. Then have it sent back once more: `tongbao case close {case_id} --resolution return_again` or POST"
        " /v1/cases/{case_id}/close",
        "{cure}。然后再次退还：`tongbao case close {case_id} --resolution return_again` 或 POST"
        " /v1/cases/{case_id}/close",
    ),
    "unblock_refund": Words("{cure}. The next try: {due}", "{cure}。下次自动重试：{due}"),
    "mend_call": Words("{code}: {cure}", "{code}：{cure}"),
    "read_notice": Words(
        "At that time a notification came that could not be proven ({verdict}): `tongbao explain {notice_id}` or GET"
        " /v1/notices/{notice_id}/explanation says what is wrong with it",
        "当时收到一条无法验证的通知（{verdict}）：`tongbao explain {notice_id}` 或 GET"
        " /v1/notices/{notice_id}/explanation 可查看原因",
    ),
    "check_notify_url": Words(
        "The gateway's notification never came; we found out by asking. See that the gateway can reach {url}"
        " (TONGBAO_PUBLIC_URL; HTTPS, no log-in, no redirect)",
        "支付渠道的通知始终未到，结果由主动查询得知。请确认支付渠道能访问 {url}"
        "（TONGBAO_PUBLIC_URL；须为 HTTPS，无登录、无跳转）",
    ),
    "compare_bill": Words(
        "If the buyer says that it was paid: the merchant's order number on the buyer's bill must be {attempt_id}."
        " With another one, something else was paid",
        "若买家称已付款：其账单上的商户单号应为 {attempt_id}；若不一致，则支付的是另一笔交易",
    ),
    "pay_again": Words("Let the buyer pay again", "请买家重新支付"),
    "start_worker": Words(
        "What was due {span} ago is not done: see that a worker runs (`tongbao worker`, or `tongbao serve` without"
        " --no-worker)",
        "{span}前到期的任务尚未执行：请确认后台任务正在运行（`tongbao worker`，或不带 --no-worker 的 `tongbao serve`）",
    ),
    "mend_webhook": Words(
        "Mend the server at {host} ({outcome}). If its endpoint is disabled, `tongbao webhook enable {merchant_id}"
        " {endpoint_id}`. Then send the event again: `tongbao webhook replay {merchant_id} {event_id}` or POST"
        " /v1/events/{event_id}/replay",
        "请修复 {host}（{outcome}）；若端点已停用，请 `tongbao webhook enable {merchant_id} {endpoint_id}`。然后重发："
        "`tongbao webhook replay {merchant_id} {event_id}` 或 POST /v1/events/{event_id}/replay",
    ),
    "watch_webhook": Words(
        "Mend the server at {host} ({outcome}); it is then told again by itself",
        "请修复 {host}（{outcome}），之后会自动重试",
    ),
}

PROVEN_SINCE = Words(
    "It is proven to be from the gateway with the keys that we have now; we did not have them when it came",
    "以现有密钥可以验证此通知来自支付渠道；收到时尚无该密钥",
)
SENT_AGAIN = Words(
    "Nothing: the gateway sends it again, and we ask by ourselves", "无需处理：支付渠道会重发，系统也会主动查询"
)
ANOTHER_ACCOUNT = Words(
    "It is proven for another account, not for the one it came to", "此通知属于另一个账户，而非收到它的账户"
)
MEND_ADDRESS = Words(
    "Give the gateway the notify address of the account that the payment is made through: it ends in the account's id",
    "请将通知地址改为发起支付所用账户的地址（以账户编号结尾）",
)
_SEE_ORDER = Words(
    "See what is to be decided: `tongbao explain {order_id}` or GET /v1/orders/{order_id}/explanation",
    "查看需要如何处理：`tongbao explain {order_id}` 或 GET /v1/orders/{order_id}/explanation",
)
BELIEVED = {
    "held": (
        Words(
            "It is proven to be from the gateway, but does not match what we asked for",
            "此通知确实来自支付渠道，但与我们的请求不符",
        ),
        _SEE_ORDER,
    ),
    "mismatched": (
        Words(
            "It is proven to be from the gateway, but does not match the refund that we asked for",
            "此通知确实来自支付渠道，但与我们申请的退款不符",
        ),
        _SEE_ORDER,
    ),
    "unknown_payment": (
        Words(
            "It is proven to be from the gateway, about a payment that this account never asked for",
            "此通知确实来自支付渠道，但此账户没有发起过这笔支付",
        ),
        Words(
            "Look for another program that uses the same merchant number with our notify address; after a restored"
            " database, run `tongbao check-books`",
            "请检查是否有其他程序以相同商户号使用了我们的通知地址；若数据库刚恢复，请运行 `tongbao check-books`",
        ),
    ),
    "unknown_refund": (
        Words(
            "It is proven to be from the gateway, about a refund that this account never asked for",
            "此通知确实来自支付渠道，但此账户没有申请过这笔退款",
        ),
        Words(
            "Somebody refunded on the gateway's own site, or another program did: find out, our books do not have it",
            "可能有人在支付渠道的商户平台或通过其他程序退款：请查明，因为我们的账本中没有这笔退款",
        ),
    ),
}
"""What is found in a notice that was proven and yet not applied, and what to do about it, by its verdict."""
