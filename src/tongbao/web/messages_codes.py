"""What refusals about codes and their pages say to people. As in `messages.py`, which joins them."""

from __future__ import annotations

CODES: dict[str, tuple[str, str, str, str]] = {
    "code_not_found": (
        "No such code",
        "There is no code {code_id} for you.",
        "收款码不存在",
        "没有属于您的收款码 {code_id}。",
    ),
    "code_disabled": (
        "Code disabled",
        "This code is not in use any more. Ask the shop for its new one.",
        "收款码已停用",
        "此收款码已停用，请向店家索取新的收款码。",
    ),
    "invalid_bounds": (
        "Invalid bounds",
        "The least sum is 1 fen or more, and the most is not below it nor above {most_of_all} fen.",
        "金额范围无效",
        "最低金额不小于 1 分；最高金额不小于最低金额，且不大于 {most_of_all} 分。",
    ),
    "amount_unreadable": (
        "Not a sum",
        "Type the sum in yuan with digits, such as 18 or 18.50.",
        "金额无法识别",
        "请用数字输入金额（元），例如 18 或 18.50。",
    ),
    "amount_too_small": (
        "Sum too small",
        "Here the least is ¥{least}.",
        "金额过小",
        "此处最低收款 ¥{least}。",
    ),
    "amount_too_large": (
        "Sum too large",
        "Here the most is ¥{most}. Check the sum, or ask the shop.",
        "金额过大",
        "此处最高收款 ¥{most}，请核对金额或咨询店家。",
    ),
    "bad_link": (
        "This link does not work",
        "It is incomplete or was changed. Scan the code again, or open the shop's own link.",
        "链接无效",
        "链接不完整或被改动，请重新扫码，或打开商家给您的链接。",
    ),
    "foreign_form": (
        "Not sent from our page",
        "Open the link again and send the form from there.",
        "表单来源有误",
        "请重新打开链接，并在页面上提交。",
    ),
    "form_expired": (
        "The page was open too long",
        "Nothing happened. Check the sum and send it once more.",
        "页面停留过久",
        "没有产生任何订单，请核对金额后重新提交。",
    ),
    "form_used": (
        "Sent already with another sum",
        "No second order was made. Check the sum and send it once more.",
        "该页面已提交过其他金额",
        "没有产生新的订单，请核对金额后重新提交。",
    ),
    "too_many_tries": (
        "Too many at once",
        "Wait a minute and try again.",
        "操作过于频繁",
        "请稍等一分钟再试。",
    ),
}
