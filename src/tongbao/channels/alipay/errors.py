"""What Alipay's refusals say of payments and refunds (sections 2 and 4 of the protocol). Pure."""

from __future__ import annotations

IN_PROCESS = "10003"
TRADE_NOT_EXIST = "ACQ.TRADE_NOT_EXIST"
TRADE_HAS_SUCCESS = "ACQ.TRADE_HAS_SUCCESS"
REFUND_UNKNOWN = "refund_unknown"

# A trade that is not open cannot be closed, and none of these tells one that is paid from one that is closed (4.9).
NOT_OPEN = frozenset(
    {
        TRADE_HAS_SUCCESS,
        "ACQ.REASON_ILLEGAL_STATUS",
        "ACQ.REASON_TRADE_STATUS_INVALID",
        "ACQ.TRADE_HAS_CLOSE",
        "ACQ.TRADE_HAS_FINISHED",
        "ACQ.TRADE_STATUS_ERROR",
    }
)

# Of a refund, these speak of the merchant and not of the refund, and the merchant can mend them: money put in, a
# permission or a product granted, a key or a number corrected, an account or a trade released. Every other no speaks of
# the refund itself, and the same refund gets it again. One that is not known here is for good too: a person then sees
# it at once.
MENDABLE = frozenset(
    {
        "ACQ.ACCESS_FORBIDDEN",
        "ACQ.REASON_TRADE_BEEN_FREEZEN",
        "ACQ.SELLER_BALANCE_NOT_ENOUGH",
        "ACQ.SELLER_BEEN_BLOCKED",
        "aop.invalid-app-auth-token",
        "aop.invalid-auth-token",
        "aop.no-product-reg-by-partner",
        "isv.decryption-error-unknown",
        "isv.insufficient-isv-permissions",
        "isv.invalid-app-id",
        "isv.invalid-encrypt",
        "isv.invalid-signature",
        "isv.invalid-timestamp",
        "isv.missing-app-id",
        "isv.missing-encrypt-key",
        "isv.missing-signature-config",
        "isv.missing-signature-key",
    }
)

CODES = MENDABLE | NOT_OPEN | {
    IN_PROCESS,
    TRADE_NOT_EXIST,
    "ACQ.BEYOND_PAY_RESTRICTION",
    "ACQ.BEYOND_PER_RECEIPT_RESTRICTION",
    "ACQ.BUYER_BALANCE_NOT_ENOUGH",
    "ACQ.BUYER_BANKCARD_BALANCE_NOT_ENOUGH",
    "ACQ.BUYER_ENABLE_STATUS_FORBID",
    "ACQ.BUYER_ERROR",
    "ACQ.BUYER_NOT_EXIST",
    "ACQ.BUYER_SELLER_EQUAL",
    "ACQ.CANCEL_NOT_ALLOWED",
    "ACQ.CONTEXT_INCONSISTENT",
    "ACQ.DISCORDANT_REPEAT_REQUEST",
    "ACQ.ERROR_BALANCE_PAYMENT_DISABLE",
    "ACQ.EXIST_FORBIDDEN_WORD",
    "ACQ.INVALID_PARAMETER",
    "ACQ.MOBILE_PAYMENT_SWITCH_OFF",
    "ACQ.NOT_ALLOW_PARTIAL_REFUND",
    "ACQ.NOW_TIME_AFTER_EXPIRE_TIME_ERROR",
    "ACQ.NO_PAYMENT_INSTRUMENTS_AVAILABLE",
    "ACQ.OPEN_ID_NOT_TINY_APP",
    "ACQ.PAYMENT_AUTH_CODE_INVALID",
    "ACQ.PAYMENT_FAIL",
    "ACQ.PAYMENT_REQUEST_HAS_RISK",
    "ACQ.PRODUCT_NOT_SUPPORT_IN_TINY_APP",
    "ACQ.PULL_MOBILE_CASHIER_FAIL",
    "ACQ.REASON_TRADE_REFUND_FEE_ERR",
    "ACQ.REFUND_ACCOUNT_NOT_EXIST",
    "ACQ.REFUND_AMT_NOT_EQUAL_TOTAL",
    "ACQ.REFUND_FEE_ERROR",
    "ACQ.SYSTEM_ERROR",
    "ACQ.TOTAL_FEE_EXCEED",
    "ACQ.TRADE_BUYER_NOT_MATCH",
    "ACQ.TRADE_CANCEL_TIME_OUT",
    "ACQ.TRADE_NOT_ALLOW_REFUND",
    "ACQ.UNBOUND_APPLICATION",
    "isp.unknow-error",
    "isv.app-call-limited",
    "isv.invalid-parameter",
    "isv.method-call-limited",
    "isv.suspected-attack",
}  # fmt: skip
