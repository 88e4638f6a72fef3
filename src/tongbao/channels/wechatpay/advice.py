"""What to do about each error code: WeChat Pay's (sections 1.9 and 5.4 of the protocol) and our own in lower case."""

from __future__ import annotations

from collections.abc import Mapping

from tongbao.kit.words import Words

_WAIT = Words(
    "Nothing to do: it is asked again under the same number until the answer is certain",
    "无需处理：系统会用同一单号继续询问，直到得到确定的结果",
)
_TOO_OFTEN = Words(
    "WeChat Pay is asked too often. Nothing to do if it passes: it is asked again more slowly, under the same "
    "number. Otherwise look for another program that calls with the same merchant number",
    "请求过于频繁。若随后恢复则无需处理：系统会用同一单号放慢重试。若持续出现，请检查是否有其他程序在使用同一商户号",
)
_UNPROVEN = Words(
    "Run `tongbao explain NOTICE` for a notice that was refused. For answers, compare the account's "
    "platform_public_key_id and platform_public_key_pem with the merchant platform (pay.weixin.qq.com: Account "
    "center > API security > WeChat Pay public key), mend them with `tongbao account update`, and let no proxy "
    "change what passes",
    "若是通知被拒，请运行 `tongbao explain 通知编号`。若是应答，请到商户平台（pay.weixin.qq.com：账户中心 > API安全 "
    "> 微信支付公钥）核对 platform_public_key_id 与 platform_public_key_pem，用 `tongbao account update` 更正，并确认"
    "中间代理没有改动内容",
)

_ACCOUNT: Mapping[str, Words] = {
    "SIGN_ERROR": Words(
        "WeChat Pay does not recognise our signature. Check that merchant_serial is the serial of the certificate "
        "which belongs to merchant_private_key_pem (merchant platform: Account center > API security > API "
        "certificate; `openssl x509 -in apiclient_cert.pem -noout -serial`), that it has not ended, and that the "
        "server's clock is right to five minutes; mend them with `tongbao account update`",
        "微信支付不认可我们的签名。请核对 merchant_serial 与 merchant_private_key_pem 属于同一张未过期的商户API证书（"
        "商户平台：账户中心 > API安全 > API证书；`openssl x509 -in apiclient_cert.pem -noout -serial`），服务器时钟误"
        "差不超过五分钟；用 `tongbao account update` 更正",
    ),
    "MCH_NOT_EXISTS": Words(
        "WeChat Pay knows no such merchant. Compare mchid and base_url of the account with the merchant platform "
        "(Account center > Merchant information), and mend them with `tongbao account update`",
        "微信支付没有这个商户号。请到商户平台（账户中心 > 商户信息）核对 mchid，并检查 base_url；用 "
        "`tongbao account update` 更正",
    ),
    "APPID_MCHID_NOT_MATCH": Words(
        "The app (the mini-program, or the account's app_id where the buyer has none) is not bound to the merchant "
        "number. Bind it on the merchant platform (Product center > AppID accounts) and confirm it in the app's own "
        "console; app_ids of the account, where it has any, must name it too",
        "该 AppID（小程序，或买家不在小程序内时账户的 app_id）未与商户号绑定。请在商户平台（产品中心 > AppID账号管理"
        "）发起绑定，并在其自己的后台确认；账户若设有 app_ids 也须包含它",
    ),
    "NO_AUTH": Words(
        "The merchant may not do this. Open the product on the merchant platform (Product center > My products; for "
        "refunds also API refund and its allowed addresses). A refund is sent again by itself once it is allowed",
        "商户没有此权限。请在商户平台（产品中心 > 我的产品；退款还需检查“API退款”及其IP白名单）开通。开通后退款会自动"
        "重发",
    ),
    "ACCOUNT_ERROR": Words(
        "The account of the buyer or of the merchant cannot be used. Let the buyer pay in another way; if it meets "
        "every buyer, look on the merchant platform for a message about restrictions",
        "买家或商户的账户异常。请让买家换一种方式支付；若所有买家都如此，请在商户平台查看是否有受限通知",
    ),
    "RULE_LIMIT": Words(
        "A limit of WeChat Pay's was reached: of a sum, of a day, or by risk control. See the merchant platform "
        "(Account center > Risk and limits); a refund is sent again by itself",
        "触及微信支付的额度或风控限制。请在商户平台（账户中心 > 风险处置/额度）查看原因；退款会自动重发",
    ),
    "REQUEST_BLOCKED": Words(
        "WeChat Pay blocked the request. See the merchant platform for a message about restrictions, and answer it "
        "there; a refund is sent again by itself",
        "请求被微信支付拦截。请在商户平台查看受限通知并按指引处理；退款会自动重发",
    ),
}

_PAYMENT: Mapping[str, Words] = {
    "ORDER_NOT_EXIST": Words(
        "WeChat Pay has never heard of this payment, up to now: the buyer has not been asked to pay. Let the buyer "
        "pay again; if the money was taken, compare mchid and base_url of the account",
        "微信支付目前没有这笔支付：买家尚未被收款。请让买家重新支付；若买家已被扣款，请核对账户的 mchid 与 base_url",
    ),
    "ORDER_PAID": Words(
        "Nothing to do: the payment succeeded, and is being asked about",
        "无需处理：支付已成功，系统正在查询结果",
    ),
    "ORDER_CLOSED": Words(
        "The payment is closed for ever. Let the buyer pay again: that is a new payment of the same order",
        "该笔支付已关闭，无法再付。请让买家重新支付：同一订单会产生一笔新的支付",
    ),
    "ORDER_REVERSED": Words(
        "The payment was reversed. Let the buyer pay again",
        "该笔支付已撤销。请让买家重新支付",
    ),
    "OUT_TRADE_NO_USED": Words(
        "The payment's number was used before, by another program with the same merchant number perhaps. Let the "
        "buyer pay again: that takes a new number",
        "支付单号已被使用过，可能有其他程序在用同一商户号。请让买家重新支付：会使用新的单号",
    ),
    "OPENID_MISMATCH": Words(
        "The buyer's openid does not belong to this mini-program. Send the openid that log-in gave for the same app_id",
        "买家的 openid 不属于该小程序。请使用同一 app_id 登录得到的 openid",
    ),
    "AUTH_CODE_INVALID": Words(
        "Scan the buyer's payment code again",
        "请重新扫描买家的付款码",
    ),
    "AUTH_CODE_EXPIRE": Words(
        "Let the buyer refresh the payment code, and scan it again",
        "请买家刷新付款码后重新扫描",
    ),
    "TRADE_ERROR": Words(
        "The payment failed at WeChat Pay. Let the buyer pay again or in another way",
        "交易失败。请让买家重试或换一种方式支付",
    ),
    "USERPAYING": Words(
        "The buyer is entering the password. Nothing to do: it is asked again",
        "买家正在输入密码。无需处理，系统会再次查询",
    ),
    "payer_missing": Words(
        "Who pays is not known. By jsapi, send the buyer's openid under the mini-program; by h5, the IP address that "
        "the buyer's browser calls from",
        "缺少付款人信息：jsapi 须带上买家在该小程序下的 openid；h5 须带上买家浏览器的 IP 地址",
    ),
    "unsupported_method": Words(
        "Pay by jsapi (mini-programs), native (QR code), h5 (browser), app, or code (a scanned payment code)",
        "请使用 jsapi（小程序）、native（扫码）、h5（浏览器）、app 或 code（付款码）",
    ),
    "unsupported_option": Words(
        "WeChat Pay cannot do this by this method. It can be told to do without balance, debit_card or credit_card, or "
        "to take the balance only (not by code); a return_url goes with h5 alone, and instalments with none. Leave it "
        "out, or pay in another way",
        "该支付方式不支持此要求。可限制不使用 balance、debit_card 或 credit_card，或仅限 balance（付款码除外）；"
        "return_url 仅 h5 支持；不支持指定分期（instalments）。请去掉该要求，或换一种支付方式",
    ),
    "unsupported_currency": Words(
        "Use CNY, the only currency it takes",
        "请使用人民币（CNY），仅支持该币种",
    ),
}

_REFUND: Mapping[str, Words] = {
    "NOT_ENOUGH": Words(
        "Of a refund: the merchant's unsettled funds do not cover it. Wait for today's sales, or put money in on the "
        "merchant platform (Transaction center > Top up); it is sent again by itself under the same number. Of a "
        "payment: the buyer's money does not cover it, so let the buyer choose another card and scan the code again",
        "若是退款：商户未结算资金不足。可等待当日新的收款，或在商户平台（交易中心 > 充值/转入）充值；系统会用同一单号自"
        "动重发。若是支付：买家余额不足，请买家换卡后重新扫描付款码",
    ),
    "USER_ACCOUNT_ABNORMAL": Words(
        "The buyer's account is gone, so WeChat Pay cannot refund it, now or later. Pay the buyer in another way (a "
        "bank transfer) and close the case with a note of it",
        "买家账户异常或已注销，微信支付无法退款。请用其他方式（如银行转账）退给买家，并在案件中备注后关闭",
    ),
    "RESOURCE_NOT_EXISTS": Words(
        "WeChat Pay does not know what was asked for. Of a refund that was asked about: it never arrived, and is "
        "sent again under the same number. Of a new one: it knows no such payment, so compare mchid and base_url of "
        "the account",
        "微信支付没有该记录。若是查询退款：退款请求未送达，会用同一单号重发。若是申请退款：没有对应的支付，请核对账户"
        "的 mchid 与 base_url",
    ),
    "INVALID_REQUEST": Words(
        "It breaks one of WeChat Pay's rules; its message says which. Of a refund: more than is left of the payment, "
        "more than 365 days after it, or another sum under the same number. See the payment on the merchant platform "
        "(Transaction center > Orders), and pay the buyer in another way if it is too old. Of a payment by code that "
        "is reversed: more than seven days after it, so refund it instead",
        "请求不符合微信支付的业务规则，具体见其返回信息。退款时常见：超过可退余额、支付超过365天、同一单号金额不一"
        "致。请在商户平台（交易中心 > 交易订单）查看；若已超期，请用其他方式退给买家。撤销付款码支付时：支付已超过七"
        "天，请改为退款",
    ),
    "unsupported": Words(
        "For the buyer's card, send bank (such as ICBC_DEBIT), card_number and card_holder; the account needs "
        "WeChat Pay's public key or a certificate of its to encrypt them. Or send the money to the merchant's own "
        "card",
        "退到买家银行卡需提供 bank（如 ICBC_DEBIT）、card_number 与 card_holder，且账户须有微信支付公钥或平台证"
        "书用于加密；也可改退到商户自己的银行卡",
    ),
}

_EITHER: Mapping[str, Words] = {
    "PARAM_ERROR": Words(
        "WeChat Pay refuses a field; its message says which. Often it is the notify address (https, reachable, "
        "without a query) or an openid of another mini-program",
        "某个字段不合要求，具体见其返回信息。常见原因：通知地址须为可访问且不带参数的 https 地址，或 openid 属于其他"
        "小程序",
    ),
    "INVALID_TRANSACTIONID": Words(
        "WeChat Pay does not know the payment's number: compare mchid and base_url of the account",
        "微信支付不认识该支付单号：请核对账户的 mchid 与 base_url",
    ),
    "SYSTEM_ERROR": _WAIT,
    "BANK_ERROR": _WAIT,
    "BIZ_ERR_NEED_RETRY": _WAIT,
    "FREQUENCY_LIMITED": _TOO_OFTEN,
    "FREQUENCY_LIMIT_EXCEED": _TOO_OFTEN,
    "RATELIMIT_EXCEED": _TOO_OFTEN,
    "RATELIMIT_EXCEEDED": _TOO_OFTEN,
    "unreachable": Words(
        "The gateway cannot be reached, so nothing happened there; it is tried again. Check the server's name "
        "service, firewall and proxy: it must reach the account's base_url (https://api.mch.weixin.qq.com) on port "
        "443",
        "无法连接网关，对方没有收到请求，系统会重试。请检查服务器的 DNS、防火墙与代理：须能访问账户的 base_url（"
        "https://api.mch.weixin.qq.com）的 443 端口",
    ),
    "no_answer": Words(
        "The gateway did not answer in time and may have acted: it is asked before anything else is done. If it "
        "happens often, look at the network, or raise timeout_seconds with `tongbao account update`",
        "网关未及时应答，可能已经处理：系统会先查询再行动。若经常发生，请检查网络，或用 `tongbao account update` 调"
        "大 timeout_seconds",
    ),
    "malformed": Words(
        "What came was not in WeChat Pay's shape. If its status was 5xx or a page of HTML, a proxy stands between: "
        "check base_url. It is asked again",
        "收到的内容不是微信支付的格式。若是 5xx 或 HTML 页面，说明中间有代理：请检查 base_url。系统会再次询问",
    ),
    "answer_mismatch": Words(
        "An answer about something else came: somebody plays old answers back, or a proxy caches them. Let the "
        "server talk to the gateway directly",
        "收到的是另一笔的应答：可能有人重放旧应答，或代理做了缓存。请让服务器直连网关",
    ),
    "signature_missing": _UNPROVEN,
    "signature_wrong": _UNPROVEN,
    "signature_probe": Words(
        "Nothing to do: WeChat Pay tests whether wrong signatures are refused, and they are",
        "无需处理：这是微信支付的验签探测，按规则应当拒绝",
    ),
    "timestamp_stale": Words(
        "Set the server's clock right (chronyd or ntpd; `timedatectl` shows it). If it is right, an old message was "
        "played back or held up on the way: WeChat Pay sends again by itself",
        "请校准服务器时钟（chronyd 或 ntpd；用 `timedatectl` 查看）。若时钟无误，则是旧消息被重放或滞留：微信支付会自"
        "动重发",
    ),
    "serial_unknown": Words(
        "WeChat Pay signed with a key that the account does not have. A PUB_KEY_ID_… must be copied with its key "
        "from the merchant platform (Account center > API security > WeChat Pay public key) into "
        "platform_public_key_id and platform_public_key_pem by `tongbao account update`; certificates are fetched by "
        "themselves within five minutes",
        "微信支付使用了账户中没有的密钥签名。若是 PUB_KEY_ID_… ，请到商户平台（账户中心 > API安全 > 微信支付公钥）复"
        "制编号与公钥，用 `tongbao account update` 填入 platform_public_key_id 与 platform_public_key_pem；若是平台证"
        "书，系统会在五分钟内自动获取",
    ),
    "decryption_failed": Words(
        "apiv3_key of the account is not the APIv3 key of the merchant. It cannot be looked up: set it anew on the "
        "merchant platform (Account center > API security > APIv3 key), then here with `tongbao account update`",
        "账户的 apiv3_key 与商户的APIv3密钥不一致。该密钥无法查看：请在商户平台（账户中心 > API安全 > APIv3密钥）重新"
        "设置，再用 `tongbao account update` 更新",
    ),
}

ADVICE: Mapping[str, Words] = {**_ACCOUNT, **_PAYMENT, **_REFUND, **_EITHER}
