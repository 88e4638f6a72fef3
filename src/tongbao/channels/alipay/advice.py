"""What to do about each error code: Alipay's (sections 2 and 4 of the protocol) and our own in lower case."""

from __future__ import annotations

from collections.abc import Mapping

from tongbao.kit.words import Words

_NOTHING_OPEN = Words(
    "The payment is closed, paid or finished, so this cannot be done with it. It is asked which; let the buyer pay "
    "again if the order is still open. Of a refund: it cannot be refunded any more, so pay the buyer in another way",
    "该笔交易已关闭、已支付或已完结，无法执行此操作，系统会查询其状态；若订单仍未支付，请让买家重新支付。若是退款："
    "已不能退款，请用其他方式退给买家",
)
_WAIT = Words(
    "Nothing to do: it is asked again under the same number until the answer is certain",
    "无需处理：系统会用同一单号继续询问，直到得到确定的结果",
)
_TOO_OFTEN = Words(
    "Alipay is asked too often. Nothing to do if it passes: it is asked again more slowly, under the same number. "
    "Otherwise look for another program that calls with the same app_id",
    "请求过于频繁。若随后恢复则无需处理：系统会用同一单号放慢重试。若持续出现，请检查是否有其他程序在使用同一 app_id",
)
_ANOTHER_WAY = Words(
    "The buyer cannot pay like this: let them choose another card or balance, or pay in another way",
    "买家无法以此方式支付：请让买家换一张卡或余额，或换一种方式支付",
)
_LIMIT = Words(
    "A limit of the buyer's or the merchant's was passed. Let the buyer pay in another way; the merchant's limits "
    "stand on b.alipay.com (Account > Limits)",
    "超过买家或商户的限额。请让买家换一种方式支付；商户额度可在 b.alipay.com（账户 > 限额）查看",
)
_RISK = Words(
    "Alipay's risk control stopped it. Let the buyer pay in another way; if it meets many buyers, look on b.alipay.com "
    "for a message about restrictions",
    "被支付宝风控拦截。请让买家换一种方式支付；若多位买家如此，请在 b.alipay.com 查看受限通知",
)
_BUYERS_ACCOUNT = Words(
    "The buyer's account cannot be used or refunded. Let the buyer pay from another account; a refund must be paid in "
    "another way (a bank transfer), with a note of it in the case",
    "买家账户异常、已注销或无法入账。请让买家换账户支付；退款则请用其他方式（如银行转账）退给买家，并在案件中备注",
)
_WRONG_BUYER = Words(
    "The order is for another buyer. Start the payment in the session of the buyer who pays, with the id that log-in "
    "gave under the same mini-program",
    "付款人与订单的买家不一致。请在付款买家自己的会话中发起支付，并使用同一小程序登录得到的标识",
)
_REFUND_SUM = Words(
    "The sum is more than what is left of the payment, or the payment cannot be refunded in part. See it on "
    "b.alipay.com (Transactions), and refund what is left",
    "金额超过可退余额，或该交易不支持部分退款。请在 b.alipay.com（交易管理）查看，并按剩余金额退款",
)
_NO_REFUND = Words(
    "Alipay does not refund this payment any more: mostly it is older than the contract allows (three months by "
    "default). Pay the buyer in another way, and close the case with a note of it",
    "支付宝不再允许退款：通常是超过签约的退款期限（默认三个月）。请用其他方式退给买家，并在案件中备注后关闭",
)
_KEYS = Words(
    "Alipay does not recognise our signature. On open.alipay.com (Console > the app > Development settings > Interface "
    "signing) the public key or certificate must belong to app_private_key_pem, and app_id be that app's; mend them "
    "with `tongbao account update`. The server's clock must be right, too",
    "支付宝不认可我们的签名。请到 open.alipay.com（控制台 > 应用 > 开发设置 > 接口加签方式）核对公钥或证书与 "
    "app_private_key_pem 是同一对，且 app_id 是该应用的；用 `tongbao account update` 更正。服务器时钟也须准确",
)
_SEAL = Words(
    "Alipay cannot open what we sealed: aes_key is not the app's key for contents. Copy it from open.alipay.com "
    "(Development settings > Content encryption) with `tongbao account update`, or remove it there and here",
    "支付宝无法解密：aes_key 不是该应用的内容加密密钥。请到 open.alipay.com（开发设置 > 接口内容加密方式）复制，用 "
    "`tongbao account update` 更正，或两边都移除",
)
_PERMISSION = Words(
    "The app may not do this. On open.alipay.com (Console > the app > Product binding) add the product and sign its "
    "contract for the merchant; a refund is sent again by itself once it is allowed",
    "应用没有此权限。请在 open.alipay.com（控制台 > 应用 > 产品绑定）添加产品并完成签约；开通后退款会自动重发",
)
_FIELD = Words(
    "Alipay refuses a field; its message says which. Often it is the notify address (reachable, without a query), a "
    "return_url with a parameter named method, or an id of a buyer under another app",
    "某个字段不合要求，具体见其返回信息。常见原因：通知地址须可访问且不带参数；return_url 含名为 method 的参数；"
    "买家标识属于其他应用",
)
_UNPROVEN = Words(
    "Run `tongbao explain NOTICE` for a notice that was refused. For answers, copy Alipay's own public key (not the "
    "app's) from open.alipay.com (Development settings > Interface signing) into alipay_public_key_pem with `tongbao "
    "account update`, or in certificate mode all three files; and let no proxy change what passes",
    "若是通知被拒，请运行 `tongbao explain 通知编号`。若是应答，请到 open.alipay.com（开发设置 > "
    "接口加签方式）复制支付宝"
    "公钥（不是应用公钥），用 `tongbao account update` 填入 alipay_public_key_pem；证书模式则更新全部三个文件；并确认"
    "中间代理没有改动内容",
)

_PAYMENT: Mapping[str, Words] = {
    "10003": Words(
        "The buyer is asked for the password. Nothing to do: it is asked again, and taken back if nothing comes of it",
        "买家正在输入密码。无需处理：系统会再次查询，若无结果则自动撤销",
    ),
    "ACQ.TRADE_NOT_EXIST": Words(
        "Alipay has no such payment, up to now: the buyer has not come to it. Let the buyer pay again; if the money "
        "was taken, compare app_id and base_url of the account",
        "支付宝目前没有这笔交易：买家尚未进入收银台。请让买家重新支付；若买家已被扣款，请核对账户的 app_id 与 base_url",
    ),
    "ACQ.TRADE_HAS_SUCCESS": Words(
        "Nothing to do: the payment succeeded, and is being asked about",
        "无需处理：支付已成功，系统正在查询结果",
    ),
    "ACQ.CONTEXT_INCONSISTENT": Words(
        "The payment's number was used before with another content, by another program of the same merchant perhaps. "
        "Let the buyer pay again: that takes a new number",
        "支付单号已用于内容不同的交易，可能有其他程序在用同一商户。请让买家重新支付：会使用新的单号",
    ),
    "ACQ.PAYMENT_AUTH_CODE_INVALID": Words(
        "The payment code is used up or too old. Let the buyer refresh it, and scan it again",
        "付款码已使用或已过期。请买家刷新付款码后重新扫描",
    ),
    "ACQ.EXIST_FORBIDDEN_WORD": Words(
        "The order's subject has a word that Alipay forbids: open the order with another one",
        "订单标题含有支付宝的违禁词：请更换标题后重新下单",
    ),
    "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR": Words(
        "The order's time was over when Alipay heard of it. Open a new one, and see that the server's clock is right",
        "订单在到达支付宝时已过期。请重新下单，并确认服务器时钟准确",
    ),
    "ACQ.UNBOUND_APPLICATION": Words(
        "The mini-program is not bound to the merchant. Bind it on b.alipay.com (Account > APPID binding); app_ids of "
        "the account must name it too",
        "小程序未与商户绑定。请在 b.alipay.com（账号中心 > APPID绑定）绑定；账户的 app_ids 也须包含它",
    ),
    "ACQ.CANCEL_NOT_ALLOWED": Words(
        "This payment cannot be cancelled any more: refund it instead",
        "该笔交易不能再撤销：请改为退款",
    ),
    "payer_missing": Words(
        "Who pays is not known. Let the buyer log in to the Alipay mini-program first: its session says who it is",
        "缺少付款人信息：请让买家先在支付宝小程序中登录，由会话得知买家",
    ),
    "unsupported_method": Words(
        "Pay by create (mini-programs), precreate (QR code), wap (a phone's browser), page (a computer's), app, or "
        "code (a scanned payment code)",
        "请使用 create（小程序）、precreate（扫码）、wap（手机网页）、page（电脑网页）、app 或 code（付款码）",
    ),
    "unsupported_option": Words(
        "Instalments are 3, 6 or 12; only and without exclude each other; a return_url goes with wap and page alone. "
        "Leave it out, or pay in another way",
        "分期（instalments）须为 3、6 或 12 期；only 与 without 不能同时使用；return_url 仅 wap 与 page 支持。请去掉"
        "该要求，或换一种支付方式",
    ),
    "unsupported_currency": Words(
        "Use CNY, the only currency it takes",
        "请使用人民币（CNY），仅支持该币种",
    ),
}

_REFUND: Mapping[str, Words] = {
    "ACQ.SELLER_BALANCE_NOT_ENOUGH": Words(
        "The merchant's Alipay balance does not cover it. Wait for today's sales, or put money in on b.alipay.com "
        "(Funds > Top up); it is sent again by itself under the same number",
        "商户支付宝余额不足。可等待新的收款，或在 b.alipay.com（资金管理 > 充值）充值；系统会用同一单号自动重发",
    ),
    "ACQ.REASON_TRADE_BEEN_FREEZEN": Words(
        "The payment's money is frozen at Alipay. See the message on b.alipay.com; a refund is sent again by itself",
        "该笔交易的资金被支付宝冻结。请在 b.alipay.com 查看通知；退款会自动重发",
    ),
    "ACQ.SELLER_BEEN_BLOCKED": Words(
        "The merchant's account is blocked. See the message on b.alipay.com and answer it there; a refund is sent "
        "again by itself",
        "商户账号被冻结。请在 b.alipay.com 查看通知并按指引处理；退款会自动重发",
    ),
    "ACQ.DISCORDANT_REPEAT_REQUEST": Words(
        "The refund's number was used before with another sum, by another program perhaps. See the payment on "
        "b.alipay.com (Transactions), and refund what is left under a new reference",
        "退款单号已用于其他金额，可能有其他程序在退款。请在 b.alipay.com（交易管理）查看，并用新的编号退剩余金额",
    ),
    "refund_unknown": Words(
        "Alipay does not say that the refund succeeded: it is under way, or never arrived. Nothing to do: it is sent "
        "again under the same number, which refunds once",
        "支付宝未返回退款成功：可能在处理中，或未送达。无需处理：系统会用同一单号重发，同一单号只退一次",
    ),
    "unsupported": Words(
        "Alipay cannot send a refund to another card. Pay the buyer in another way (a bank transfer) and close the "
        "case with a note of it",
        "支付宝不支持把退款转到其他银行卡。请用其他方式（如银行转账）退给买家，并在案件中备注后关闭",
    ),
}

_EITHER: Mapping[str, Words] = {
    "unreachable": Words(
        "The gateway cannot be reached, so nothing happened there; it is tried again. Check the server's name service, "
        "firewall and proxy: it must reach the account's base_url (https://openapi.alipay.com) on port 443",
        "无法连接网关，对方没有收到请求，系统会重试。请检查服务器的 DNS、防火墙与代理：须能访问账户的 base_url（"
        "https://openapi.alipay.com）的 443 端口",
    ),
    "no_answer": Words(
        "The gateway did not answer in time and may have acted: it is asked before anything else is done. If it "
        "happens often, look at the network, or raise timeout_seconds with `tongbao account update`",
        "网关未及时应答，可能已经处理：系统会先查询再行动。若经常发生，请检查网络，或用 `tongbao account update` 调大 "
        "timeout_seconds",
    ),
    "malformed": Words(
        "What came was not in Alipay's shape. If its status was 5xx or a page of HTML, a proxy stands between: check "
        "base_url. It is asked again",
        "收到的内容不是支付宝的格式。若是 5xx 或 HTML 页面，说明中间有代理：请检查 base_url。系统会再次询问",
    ),
    "answer_mismatch": Words(
        "An answer about something else came: somebody plays old answers back, or a proxy caches them. Let the server "
        "talk to the gateway directly",
        "收到的是另一笔的应答：可能有人重放旧应答，或代理做了缓存。请让服务器直连网关",
    ),
    "timestamp_stale": Words(
        "Set the server's clock right (chronyd or ntpd; `timedatectl` shows it). If it is right, an old message was "
        "played back: payments and refunds are asked about anyway",
        "请校准服务器时钟（chronyd 或 ntpd；用 `timedatectl` 查看）。若时钟无误，则是旧消息被重放："
        "支付与退款会另行查询",
    ),
    "serial_unknown": Words(
        "Alipay signed with a certificate that could not be proven. Download all three certificate files again from "
        "open.alipay.com (Development settings > Interface signing) and put them into app_cert_pem, alipay_cert_pem "
        "and alipay_root_cert_pem with `tongbao account update`; the server's clock must be right, too",
        "支付宝使用了无法验证的证书签名。请到 open.alipay.com（开发设置 > 接口加签方式）重新下载全部三个证书文件，用 "
        "`tongbao account update` 填入 app_cert_pem、alipay_cert_pem 与 alipay_root_cert_pem；服务器时钟也须准确",
    ),
    "certificate_expired": Words(
        "Alipay signed with a certificate that has ended. See that the server's clock is right (`timedatectl`); if it "
        "is, download the certificate files again from open.alipay.com (Development settings > Interface signing) and "
        "put them into app_cert_pem, alipay_cert_pem and alipay_root_cert_pem with `tongbao account update`",
        "支付宝使用了已过期的证书签名。请先确认服务器时钟准确（`timedatectl`）；若无误，请到 open.alipay.com（开发设置 "
        "> 接口加签方式）重新下载证书文件，用 `tongbao account update` 填入 app_cert_pem、alipay_cert_pem 与 "
        "alipay_root_cert_pem",
    ),
    "certificate_not_yet_valid": Words(
        "Alipay signed with a certificate that has not begun: most likely the server's clock is slow. Set it right "
        "(chronyd or ntpd; `timedatectl` shows it); otherwise wait, the message says until when. It is asked again",
        "支付宝使用了尚未生效的证书签名，多半是服务器时钟偏慢。请校准时钟（chronyd 或 ntpd；用 `timedatectl` 查看）；"
        "否则请等到返回信息中的生效时间。系统会再次询问",
    ),
    "certificate_other_chain": Words(
        "Alipay's certificate was issued under other roots than alipay_root_cert_pem. See that base_url and the files "
        "are of the same Alipay (not the sandbox's and the real one's) and that no proxy answers in its place; then "
        "download all three files again from open.alipay.com (Development settings > Interface signing) and put them "
        "into app_cert_pem, alipay_cert_pem and alipay_root_cert_pem with `tongbao account update`",
        "支付宝的证书不是由 alipay_root_cert_pem 中的根证书签发。请确认 base_url 与证书文件属于同一环境（沙箱或正式），"
        "且没有代理代为应答；再到 open.alipay.com（开发设置 > 接口加签方式）重新下载全部三个文件，用 "
        "`tongbao account update` 填入 app_cert_pem、alipay_cert_pem 与 alipay_root_cert_pem",
    ),
    "wrong_account": Words(
        "Alipay's notice is for another app than app_id of the account. See that each merchant's notify address names "
        "that merchant's own account, and mend app_id with `tongbao account update`",
        "支付宝的通知属于另一个应用，与账户的 app_id 不符。请确认每个商户的通知地址指向自己的账户，并用 "
        "`tongbao account update` 更正 app_id",
    ),
}

_ALIKE: Mapping[Words, tuple[str, ...]] = {
    _NOTHING_OPEN: (
        "ACQ.REASON_ILLEGAL_STATUS", "ACQ.REASON_TRADE_STATUS_INVALID", "ACQ.TRADE_HAS_CLOSE", "ACQ.TRADE_HAS_FINISHED",
        "ACQ.TRADE_STATUS_ERROR",
    ),
    _WAIT: ("ACQ.SYSTEM_ERROR", "isp.unknow-error", "retry"),
    _TOO_OFTEN: ("isv.app-call-limited", "isv.method-call-limited"),
    _ANOTHER_WAY: (
        "ACQ.BUYER_BALANCE_NOT_ENOUGH", "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH", "ACQ.BUYER_SELLER_EQUAL",
        "ACQ.ERROR_BALANCE_PAYMENT_DISABLE", "ACQ.MOBILE_PAYMENT_SWITCH_OFF", "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE",
        "ACQ.PAYMENT_FAIL", "ACQ.PULL_MOBILE_CASHIER_FAIL",
    ),
    _LIMIT: ("ACQ.BEYOND_PAY_RESTRICTION", "ACQ.BEYOND_PER_RECEIPT_RESTRICTION", "ACQ.TOTAL_FEE_EXCEED"),
    _RISK: ("ACQ.PAYMENT_REQUEST_HAS_RISK",),
    _BUYERS_ACCOUNT: ("ACQ.BUYER_ENABLE_STATUS_FORBID", "ACQ.BUYER_ERROR", "ACQ.REFUND_ACCOUNT_NOT_EXIST"),
    _WRONG_BUYER: (
        "ACQ.BUYER_NOT_EXIST", "ACQ.OPEN_ID_NOT_TINY_APP", "ACQ.TRADE_BUYER_NOT_MATCH",
    ),
    _REFUND_SUM: (
        "ACQ.NOT_ALLOW_PARTIAL_REFUND", "ACQ.REASON_TRADE_REFUND_FEE_ERR", "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
        "ACQ.REFUND_FEE_ERROR",
    ),
    _NO_REFUND: ("ACQ.TRADE_CANCEL_TIME_OUT", "ACQ.TRADE_NOT_ALLOW_REFUND"),
    _KEYS: (
        "isv.invalid-app-id", "isv.invalid-signature", "isv.invalid-timestamp", "isv.missing-app-id",
        "isv.missing-signature-config", "isv.missing-signature-key",
    ),
    _SEAL: (
        "decryption_failed", "isv.decryption-error-unknown", "isv.invalid-encrypt", "isv.missing-encrypt-key",
    ),
    _PERMISSION: (
        "ACQ.ACCESS_FORBIDDEN", "ACQ.PRODUCT_NOT_SUPPORT_IN_TINY_APP", "aop.invalid-app-auth-token",
        "aop.invalid-auth-token", "aop.no-product-reg-by-partner", "isv.insufficient-isv-permissions",
    ),
    _FIELD: ("ACQ.INVALID_PARAMETER", "isv.invalid-parameter", "isv.suspected-attack"),
    _UNPROVEN: ("signature_missing", "signature_wrong"),
}  # fmt: skip

ADVICE: Mapping[str, Words] = {
    **_PAYMENT,
    **_REFUND,
    **_EITHER,
    **{code: words for words, codes in _ALIKE.items() for code in codes},
}
