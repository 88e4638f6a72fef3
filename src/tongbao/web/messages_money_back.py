"""What refusals about money going back and about cases say to people. The form is that of `messages.py`."""

from __future__ import annotations

MONEY_BACK: dict[str, tuple[str, str, str, str]] = {
    # Refunds
    "order_not_paid": (
        "Order not paid",
        "Order {order_id} is not paid, so nothing can go back. An open one can be closed.",
        "订单未支付",
        "订单 {order_id} 尚未支付，无款可退；未支付的订单可以关闭。",
    ),
    "refund_exceeds": (
        "More than is left",
        "Of order {order_id} only {left} fen are left to refund. Ask for at most that.",
        "退款金额超限",
        "订单 {order_id} 仅剩 {left} 分可退，请减少退款金额。",
    ),
    "too_many_refunds": (
        "Too many refunds",
        "The gateway takes {most} refunds of a payment, and order {order_id} has had them. Give the rest another way.",
        "退款次数超限",
        "支付渠道对每笔支付最多受理 {most} 次退款，订单 {order_id} 已用完，请以其他方式退还余款。",
    ),
    "refund_items_mismatch": (
        "Items and amount differ",
        "The items come to {items_amount} fen, the amount is {amount}. Mend one, or leave the amount out.",
        "退款明细与金额不符",
        "明细合计 {items_amount} 分，退款金额为 {amount} 分；请更正其一，或不填金额。",
    ),
    "refund_not_found": (
        "No such refund",
        "There is no refund {refund_id} for you.",
        "退款不存在",
        "没有属于您的退款 {refund_id}。",
    ),
    "refund_not_abnormal": (
        "Refund not abnormal",
        "Refund {refund_id} is {state}. Only one that is abnormal can be sent elsewhere or handled outside.",
        "退款并非异常状态",
        "退款 {refund_id} 的状态为 {state}，仅异常退款可以改退其他账户或线下处理。",
    ),
    "redirect_rejected": (
        "Refused by the gateway",
        "The gateway refused to send it there: {channel_code} {channel_message}. Check the card, or choose another.",
        "支付渠道拒绝",
        "支付渠道拒绝改退：{channel_code} {channel_message}。请核对银行卡信息，或选择其他去向。",
    ),
    # Cases
    "case_not_found": (
        "No such case",
        "There is no case {case_id} for you.",
        "个案不存在",
        "没有属于您的个案 {case_id}。",
    ),
    "case_closed": (
        "Case closed",
        "Case {case_id} is closed: {resolution}. Read it to see who closed it, and why.",
        "个案已关闭",
        "个案 {case_id} 已关闭：{resolution}；查看个案可知由谁处理及原因。",
    ),
    "unknown_resolution": (
        "Cannot be decided so",
        "This case can be decided by one of: {resolutions}.",
        "无法如此处理",
        "此个案可选的处理方式：{resolutions}。",
    ),
    "reserved_name": (
        "Name reserved",
        "`{name}` is what the history calls Tongbao itself. Give the person's name.",
        "名称已保留",
        "{name} 在处理记录中指通宝系统本身，请填写经办人姓名。",
    ),
    "payment_not_confirmed": (
        "Not confirmed by the gateway",
        "Asked now, the gateway does not say that this money came in ({channel_code}). Nothing was counted.",
        "支付渠道未确认",
        "刚向支付渠道查询，其并未确认收到这笔钱（{channel_code}），未作任何入账。",
    ),
    "payment_not_held": (
        "Payment not held any more",
        "The payment is {state} meanwhile: the gateway or somebody else was faster. Read the order.",
        "支付已不在待核查状态",
        "该支付现为 {state}，支付渠道或他人已先行处理，请查看订单。",
    ),
    "nothing_to_return": (
        "Nothing to return",
        "Of this payment of order {order_id} nothing is left to send back, or a refund has it in hand.",
        "无款可退",
        "订单 {order_id} 的该笔支付已无余款可退，或退款正在进行。",
    ),
    "notice_not_found": (
        "No such notice",
        "There is no notice {notice_id} for you.",
        "通知不存在",
        "没有属于您的通知 {notice_id}。",
    ),
}
