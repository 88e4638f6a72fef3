"""The payment API's verbs for refunds (protocol 5.1, 5.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from tongbao_sandbox.clock import Clock
from tongbao_sandbox.wechat import errors, fields, refunds, signing
from tongbao_sandbox.wechat.auth import Call
from tongbao_sandbox.wechat.credentials import Merchant
from tongbao_sandbox.wechat.payouts import Payouts
from tongbao_sandbox.wechat.refunds import PROCESSING, Refund, Refunds
from tongbao_sandbox.wechat.verbs import Reply, Route, check_query, json_body

_CARD_NUMBER = re.compile(r"[0-9]{8,30}", re.ASCII)


class RefundVerbs:
    """Refunds: taking them on, telling of them, and sending abnormal ones elsewhere."""

    def __init__(self, clock: Clock, book_of_refunds: Refunds, payouts: Payouts) -> None:
        self._clock = clock
        self._refunds = book_of_refunds
        self._payouts = payouts
        path = "/v3/refund/domestic/refunds"
        self.routes = (
            Route("POST", re.compile(path), self._create, unsure_at_429=True),
            Route("GET", re.compile(f"{path}/([^/]+)"), self._query),
            Route("POST", re.compile(f"{path}/([^/]+)/apply-abnormal-refund"), self._redirect),
        )

    def _create(self, merchant: Merchant, call: Call, query: str) -> Reply:
        body = json_body(call)
        check_query(query, set())
        fields.REFUND(body, "")
        if "transaction_id" not in body and "out_trade_no" not in body:
            raise errors.parameter("/transaction_id", "与out_trade_no二选一必填")
        call.out_trade_no, call.out_refund_no = body.get("out_trade_no", ""), body["out_refund_no"]
        refund = self._refunds.entered_before(merchant.mchid, body)
        if refund is None:
            refund = self._refunds.create(merchant.papers, body, self._clock.now())
            self._payouts.begin(refund)
        return self._shown(call, refund)

    def _query(self, merchant: Merchant, call: Call, query: str, out_refund_no: str) -> Reply:
        check_query(query, set())
        call.out_refund_no = out_refund_no
        return self._shown(call, self._refunds.find(merchant.mchid, out_refund_no))

    def _redirect(self, merchant: Merchant, call: Call, query: str, refund_id: str) -> Reply:
        body = json_body(call)
        check_query(query, set())
        fields.ABNORMAL_REFUND(body, "")
        call.out_refund_no = body["out_refund_no"]
        to = _destination(merchant, call, body)
        refund = self._refunds.find_by_id(merchant.mchid, refund_id)
        if refund.out_refund_no != body["out_refund_no"]:
            raise errors.against_the_rules("refund_id与out_refund_no不是同一笔退款")
        if self._refunds.redirect(refund, to, _account_text(to)):
            self._payouts.begin_again(refund)
        return self._shown(call, refund)

    def _shown(self, call: Call, refund: Refund) -> Reply:
        call.out_trade_no = refund.out_trade_no
        may_end = call.method == "POST" and refund.status == PROCESSING
        run_ahead = (lambda: self._payouts.end(refund, refund.fate)) if may_end else None
        return Reply(200, orjson.dumps(refunds.answer(refund)), run_ahead=run_ahead)


def _destination(merchant: Merchant, call: Call, body: Mapping[str, Any]) -> dict[str, str]:
    """Where an abnormal refund is to go, of the card number only what a receipt would show. Raises Refusal."""
    for name in ("bank_type", "bank_account", "real_name"):
        if name not in body and body["type"] == fields.USER_BANK_CARD:
            raise errors.parameter(f"/{name}", "退款到用户银行卡时必填")
    secret = {name: _decrypted(merchant, call, body, name) for name in ("bank_account", "real_name") if name in body}
    if body["type"] == fields.MERCHANT_BANK_CARD:
        return {"type": body["type"]}
    if not _CARD_NUMBER.fullmatch(secret["bank_account"]):
        raise errors.parameter("/bank_account", "解密后不是银行卡号")
    return {"type": body["type"], "bank_type": body["bank_type"], "ends": secret["bank_account"][-4:]}


def _decrypted(merchant: Merchant, call: Call, body: Mapping[str, Any], name: str) -> str:
    """A sensitive field, encrypted for the key that Wechatpay-Serial names (protocol 1.8). Raises Refusal."""
    serial = call.headers.get("Wechatpay-Serial", "")
    key = merchant.signers.get(serial)
    if key is None:
        raise errors.parameter("Wechatpay-Serial", "缺少或不是微信支付的证书序列号或公钥ID", serial, location="header")
    plaintext = signing.decrypted_field(key, body[name])
    if not plaintext:
        raise errors.parameter(f"/{name}", "敏感信息解密失败，请使用Wechatpay-Serial对应的公钥加密")
    return plaintext


def _account_text(to: Mapping[str, str]) -> str:
    if to["type"] == fields.MERCHANT_BANK_CARD:
        return "商户基本账户商户结算银行账户"
    return f"{fields.BANKS[to['bank_type']]}借记卡{to['ends']}"
