"""What refusals about buyers say to people. The form is that of `messages.py`."""

from __future__ import annotations

BUYERS: dict[str, tuple[str, str, str, str]] = {
    "phone_unsupported": (
        "No phone numbers here",
        "Host {host} shows no phone numbers. Ask in a mini-program, or let the buyer type it.",
        "不支持获取手机号",
        "宿主 {host} 不提供手机号，请在小程序中获取，或让买家自行填写。",
    ),
    "phone_refused": (
        "Phone number refused",
        "The host refused the consent ({reason}). Let the buyer tap again; check the app's settings.",
        "获取手机号被拒绝",
        "宿主平台拒绝了该授权（{reason}）。请让买家重新点击授权，并检查小程序配置。",
    ),
    "no_phone_number": (
        "No phone number",
        "The buyer's account on the host has no phone number. Let the buyer type it.",
        "未绑定手机号",
        "买家在宿主平台的账号未绑定手机号，请让买家自行填写。",
    ),
    "phone_unknown": (
        "Phone number not shown",
        "Buyer {buyer_id} has not consented to show a phone number. POST /v1/sessions/current/phone takes the consent.",
        "买家未授权手机号",
        "买家 {buyer_id} 未授权手机号；授权通过 POST /v1/sessions/current/phone 提交。",
    ),
}
