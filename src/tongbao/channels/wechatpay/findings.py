"""What can be found of a notice, in words: what is wrong, what was seen, what to do about it."""

from __future__ import annotations

import enum
from collections.abc import Mapping

from tongbao.channels.model import Diagnosis
from tongbao.channels.wechatpay.advice import ADVICE
from tongbao.kit.words import Words


class Way(enum.Enum):
    """What was done to a body on the way."""

    MARKED = Words(
        "a byte order mark was put before it",
        "开头被加上了字节顺序标记（BOM）",
    )
    ENDED = Words(
        "a line end or spaces were added at its end",
        "末尾被加上了换行或空格",
    )
    TRIMMED = Words(
        "the line end at its end was cut off",
        "末尾的换行被去掉",
    )
    LINES = Words(
        "its line ends were exchanged (LF and CRLF)",
        "换行符被替换（LF 与 CRLF）",
    )
    JSON = Words(
        "its JSON was read and written anew: spaces, escapes or the order of fields differ",
        "其 JSON 被解析后重新写出：空格、转义或字段顺序已不同",
    )


_NOTHING_TO_DO = Words(
    "Nothing to do",
    "无需处理",
)
_NO_PROXY = Words(
    "Let the bytes through as they come: in the proxy, gateway or function platform before Tongbao, switch off "
    "whatever parses, filters or logs bodies or headers, or point the notify address at Tongbao itself",
    "请让内容原样通过：关闭 Tongbao 前面的代理、网关或云函数中解析、过滤、改写请求体或请求头的功能，或让通知地址直达 "
    "Tongbao",
)
_COMPARE_PUBLIC_KEY = Words(
    "Download the WeChat Pay public key again (merchant platform, Account center > API security > WeChat Pay public "
    "key) and put the key and its PUB_KEY_ID_… into platform_public_key_pem and platform_public_key_id with `tongbao "
    "account update`. For a certificate, remove platform_certificates there: they are fetched anew",
    "请到商户平台（账户中心 > API安全 > 微信支付公钥）重新下载公钥，用 `tongbao account update` 把公钥与其 "
    "PUB_KEY_ID_… 填入 platform_public_key_pem 与 platform_public_key_id。若是平台证书，请移除 "
    "platform_certificates，系统会重新获取",
)
_RIGHT_ACCOUNT = Words(
    "Compare mchid, apiv3_key and base_url of the account with the merchant platform, and see that each merchant's "
    "notify address names that merchant's own account. If only one such notice came, someone tried a forgery: it was "
    "refused",
    "请到商户平台核对账户的 mchid、apiv3_key 与 base_url，并确认每个商户的通知地址指向自己的账户。若只出现一次，则可"
    "能有人伪造通知：已被拒绝",
)

FINDINGS: Mapping[str, Diagnosis] = {
    "nothing": Diagnosis(
        "nothing",
        Words(
            "Signature, key, time and contents are right: it is proven to come from WeChat Pay for this account",
            "签名、密钥、时间与内容都正确：已证实来自微信支付且属于本账户",
        ),
        _NOTHING_TO_DO,
    ),
    "probe": Diagnosis(
        "nothing",
        Words(
            "It is a probe: WeChat Pay sends a wrong signature on purpose to see it refused, and it was refused",
            "这是微信支付的验签探测：故意发送错误签名以确认会被拒绝，我们已拒绝",
        ),
        _NOTHING_TO_DO,
    ),
    "time_unreadable": Diagnosis(
        "time",
        Words(
            "Its Wechatpay-Timestamp is no number of seconds",
            "其 Wechatpay-Timestamp 不是秒数",
        ),
        _NO_PROXY,
    ),
    "time_missing": Diagnosis(
        "time",
        Words(
            "These headers are missing: {missing}",
            "缺少请求头：{missing}",
        ),
        _NO_PROXY,
    ),
    "time_past": Diagnosis(
        "time",
        Words(
            "Its signature is right, but it was signed {seconds} s before it came, and 300 are allowed: either our "
            "clock is fast, or an old notice was played back or held up on the way",
            "签名正确，但签名时间比收到时间早 {seconds} 秒（允许 300 秒）：可能我们的时钟偏快，或是旧通知被重放、滞留",
        ),
        ADVICE["timestamp_stale"],
    ),
    "time_ahead": Diagnosis(
        "time",
        Words(
            "Its signature is right, but by our clock it was signed {seconds} s after it came: our clock is slow",
            "签名正确，但按我们的时钟，签名时间比收到时间晚 {seconds} 秒：我们的时钟偏慢",
        ),
        ADVICE["timestamp_stale"],
    ),
    "serial_missing": Diagnosis(
        "serial",
        Words(
            "These headers are missing, by which WeChat Pay proves itself: {missing}. Either it is not from WeChat "
            "Pay, or something before Tongbao drops them",
            "缺少微信支付用于证明身份的请求头：{missing}。可能不是微信支付发来的，或被前面的代理去掉了",
        ),
        _NO_PROXY,
    ),
    "serial_ended": Diagnosis(
        "serial",
        Words(
            "It is signed with {serial}, a certificate that has ended",
            "签名所用的平台证书 {serial} 已过期",
        ),
        Words(
            "Platform certificates are fetched anew by themselves within five minutes. If this goes on, the merchant "
            "has moved to the WeChat Pay public key: put it into platform_public_key_id and platform_public_key_pem "
            "with `tongbao account update`",
            "平台证书会在五分钟内自动更新。若持续出现，说明商户已切换到微信支付公钥：请用 `tongbao account update` 填"
            "入 platform_public_key_id 与 platform_public_key_pem",
        ),
    ),
    "serial_misnamed": Diagnosis(
        "serial",
        Words(
            "It says that {serial} signed it, and it is signed with the key that the account calls {maker}",
            "它声明由 {serial} 签名，实际由账户中名为 {maker} 的密钥签名",
        ),
        Words(
            "The keys of the account stand under wrong names: compare platform_public_key_id with the merchant "
            "platform (Account center > API security > WeChat Pay public key) and mend it with `tongbao account "
            "update`. If the name is right there, something on the way changed the header Wechatpay-Serial",
            "账户中密钥的名称有误：请到商户平台（账户中心 > API安全 > 微信支付公钥）核对 platform_public_key_id，用 "
            "`tongbao account update` 更正。若名称无误，则请求头 Wechatpay-Serial 在途中被改动",
        ),
    ),
    "serial_is_the_merchants": Diagnosis(
        "serial",
        Words(
            "It names {serial}, the merchant's own API certificate, with which WeChat Pay never signs: a test "
            "program made it",
            "它使用的序列号 {serial} 是商户自己的API证书，微信支付不会用它签名：这是测试程序生成的",
        ),
        Words(
            "Let the test sign with the platform's key; the sandbox does (`tongbao sandbox`)",
            "请让测试用平台密钥签名；沙箱（`tongbao sandbox`）即如此",
        ),
    ),
    "serial_of_public_key": Diagnosis(
        "serial",
        Words(
            "It is signed with the WeChat Pay public key {serial}, which the account does not have; it has {ours}",
            "它由微信支付公钥 {serial} 签名，而账户中没有该公钥；账户现有：{ours}",
        ),
        _COMPARE_PUBLIC_KEY,
    ),
    "serial_of_certificate": Diagnosis(
        "serial",
        Words(
            "It is signed with the platform certificate {serial}, which the account does not have; it has {ours}",
            "它由平台证书 {serial} 签名，而账户中没有该证书；账户现有：{ours}",
        ),
        Words(
            "Certificates are fetched by themselves within five minutes, and WeChat Pay sends the notice again. If "
            "this goes on, look at the log for what fetching them said, or whether the serial was changed on the way",
            "平台证书会在五分钟内自动获取，微信支付也会重发通知。若持续出现，请查看日志中获取证书的结果，或检查序列号"
            "是否在途中被改动",
        ),
    ),
    "account_of_another_environment": Diagnosis(
        "account",
        Words(
            "It is signed with {serial}, which the account does not have (it has {ours}), and sealed with another "
            "APIv3 key than the account's: it is for another merchant, or from another environment such as a sandbox",
            "它由 {serial} 签名，账户中没有该密钥（现有：{ours}），密文也无法用账户的APIv3密钥解开：它属于其他商户，"
            "或来自其他环境（如沙箱）",
        ),
        _RIGHT_ACCOUNT,
    ),
    "account_of_another": Diagnosis(
        "account",
        Words(
            "It was not signed with {serial}, which it names, and it is sealed with another APIv3 key than the "
            "account's: it is for another account, or forged",
            "它并非由其声明的 {serial} 签名，密文也无法用账户的APIv3密钥解开：它属于其他账户，或是伪造的",
        ),
        _RIGHT_ACCOUNT,
    ),
    "account_of_another_number": Diagnosis(
        "account",
        Words(
            "It is proven, but the merchant number in it is not {number}, the account's",
            "它已通过验证，但其中的商户号不是账户的 {number}",
        ),
        _RIGHT_ACCOUNT,
    ),
    "key_does_not_open": Diagnosis(
        "key",
        Words(
            "Its signature is right, but its sealed part does not open with the account's APIv3 key",
            "签名正确，但密文无法用账户的APIv3密钥解开",
        ),
        ADVICE["decryption_failed"],
    ),
    "key_of_another": Diagnosis(
        "key",
        Words(
            "Its sealed part opens with the account's APIv3 key, so it is for us; but no key of the account made its "
            "signature: what the account holds as {serial} is another key (or the signature was damaged on the way)",
            "密文可用账户的APIv3密钥解开，说明是发给我们的；但签名并非由账户中的任何密钥生成：账户中名为 {serial} 的"
            "密钥不对（或签名在途中损坏）",
        ),
        _COMPARE_PUBLIC_KEY,
    ),
    "body_unsigned": Diagnosis(
        "body",
        Words(
            "These headers are missing: {missing}",
            "缺少请求头：{missing}",
        ),
        _NO_PROXY,
    ),
    "body_no_notice": Diagnosis(
        "body",
        Words(
            "Its signature is not WeChat Pay's, and what it says cannot be read as a notice: it is not from WeChat "
            "Pay, or was damaged on the way",
            "签名不是微信支付的，内容也不是通知的格式：不是微信支付发来的，或在途中损坏",
        ),
        _NO_PROXY,
    ),
    "body_of_unknown_shape": Diagnosis(
        "body",
        Words(
            "It is proven to come from WeChat Pay, but is not of a shape that we can read",
            "已证实来自微信支付，但格式无法识别",
        ),
        Words(
            "Update Tongbao. If that does not help, report it with the kind of the notice; payments and refunds are "
            "asked about in any case",
            "请升级 Tongbao。若仍无法识别，请附上通知类型反馈；支付与退款的结果始终会主动查询",
        ),
    ),
    "body_rewritten": Diagnosis(
        "body",
        Words(
            "WeChat Pay signed it, and then its body was changed on the way to us: {way}. Changed back, it is proven",
            "微信支付签名之后，请求体在途中被改动：{way}。还原后即可通过验证",
        ),
        _NO_PROXY,
    ),
    "body_changed": Diagnosis(
        "body",
        Words(
            "WeChat Pay's key made its signature, but over other bytes: body, timestamp or nonce were changed on the "
            "way, or the signature was taken from another notice",
            "签名由微信支付的密钥生成，但对应的内容不同：请求体、时间戳或随机串在途中被改动，或签名取自另一条通知",
        ),
        _NO_PROXY,
    ),
}


def say(name: str, **values: str | Words) -> Diagnosis:
    """One finding, its blanks filled."""
    found = FINDINGS[name]
    return Diagnosis(found.wrong, _fill(found.finding, values), _fill(found.cure, values))


def _fill(words: Words, values: Mapping[str, str | Words]) -> Words:
    english, chinese = (
        {name: value[language] if isinstance(value, Words) else value for name, value in values.items()}
        for language in (0, 1)
    )
    return Words(words.en.format(**english), words.zh.format(**chinese))
