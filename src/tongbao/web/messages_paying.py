"""What refusals about ways to pay say to people. As in `messages.py`, which joins them."""

from __future__ import annotations

PAYING: dict[str, tuple[str, str, str, str]] = {
    "way_forbidden": (
        "Not possible there",
        "{why} ({channel} by {method} on the host {host}). {instead}",
        "此环境不可用",
        "{why}（{host} 环境中的 {channel} {method}）。{instead}",
    ),
    "option_unsupported": (
        "Option not supported",
        "{channel} cannot do `{option}` with the method {method}: leave it out, or choose another method.",
        "不支持该选项",
        "{channel} 的 {method} 方式不支持 `{option}`：请去掉该选项或改用其他方式。",
    ),
    "payer_ip_needed": (
        "Buyer's address needed",
        "The method {method} must tell the gateway the buyer's IP address: give it as `payer_ip`.",
        "缺少买家 IP",
        "{method} 方式须把买家的 IP 地址告知支付渠道：请填写 `payer_ip`。",
    ),
    "app_needed": (
        "App needed",
        "{channel} must name an app of yours for the method {method}: set `app_id` in the account "
        "with `tongbao account update`.",
        "缺少应用",
        "{channel} 的 {method} 方式须指明您的应用：请用 `tongbao account update` 设置账户的 `app_id`。",
    ),
    "auth_code_needed": (
        "Payment code needed",
        "The method {method} collects from the buyer's payment code: scan it and give it as `auth_code`.",
        "缺少付款码",
        "{method} 方式通过买家的付款码收款：请扫码并填写 `auth_code`。",
    ),
    "auth_code_not_taken": (
        "No payment code here",
        "The method {method} takes no payment code: leave `auth_code` out, or use the method `code`.",
        "不需要付款码",
        "{method} 方式不使用付款码：请去掉 `auth_code`，或改用 `code` 方式。",
    ),
    "unknown_wallet": (
        "Unknown payment code",
        "This is no payment code of a wallet that we collect from ({channels}): "
        'ask the buyer to open the page "pay" of the wallet, and scan again.',
        "无法识别的付款码",
        "这不是可收款钱包（{channels}）的付款码：请买家打开钱包的付款码页面后重新扫码。",
    ),
    "channel_needed": (
        "Channel needed",
        "Say who shall move the money: give `channel`. Only a scanned payment code tells it by itself.",
        "缺少支付渠道",
        "请填写 `channel` 指明支付渠道；只有扫付款码时才能自动识别。",
    ),
}
