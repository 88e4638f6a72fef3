"""Alipay in the sandbox, in key mode and in certificate mode."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from tests.channels.bench import RETURN_URL, Bench
from tongbao.channels import Method, Option, RefundState
from tongbao.channels.alipay.channel import Alipay

_FINISHED = {RefundState.SUCCEEDED: "SUCCESS", RefundState.CLOSED: "FAIL", RefundState.ABNORMAL: "FAIL"}


class AlipayBench(Bench):
    """Our app signs with a bare key, and believes one of Alipay's."""

    channel_name = "alipay"
    gateway = "alipay"
    methods = Alipay.methods
    client_params: ClassVar[Mapping[str, set[str]]] = {
        "create": {"tradeNO"},
        "precreate": {"qr_code"},
        "wap": {"url"},
        "page": {"url"},
        "app": {"orderStr"},
        "code": set(),
    }
    merchant_settings: ClassVar[tuple[str, ...]] = (
        "app_id", "seller_id", "app_private_key_pem", "base_url", "alipay_public_key_pem"
    )  # fmt: skip
    gateway_keys: ClassVar[tuple[str, ...]] = ("alipay_public_key_pem",)
    option_words: ClassVar[Mapping[Option, Mapping[str, Any]]] = {
        Option.RETURN_URL: {"return_url": RETURN_URL},
        Option.INSTALMENTS: {"extend_params": {"hb_fq_num": "6", "hb_fq_seller_percent": "100"}},
        Option.ONLY: {"enable_pay_channels": "balance"},
        Option.WITHOUT: {"disable_pay_channels": "balance"},
    }
    unknown_states: ClassVar[Mapping[str, str]] = {"trade_status": "TRADE_DANCING"}
    strangers: ClassVar[Mapping[str, str]] = {"app_id": "9021000000000001", "seller_id": "2088000000000001"}
    refund_refusals: ClassVar[Mapping[str, bool]] = {
        "ACQ.SELLER_BALANCE_NOT_ENOUGH": True,
        "ACQ.TRADE_NOT_ALLOW_REFUND": False,
    }
    refund_ends = (RefundState.SUCCEEDED,)
    speaks_of_refunds_under_way = False
    redirects_refunds = False

    @property
    def app_id(self) -> str:
        return str(self.credentials["app_id"])

    @property
    def payer(self) -> str:
        return str(self.credentials["buyer_open_id"])

    def who(self) -> Mapping[str, str]:
        return {"app_id": self.app_id}

    def tap(self, params: Mapping[str, str]) -> Mapping[str, str]:
        return {"pay_url": params["url"]} if "url" in params else params

    def said(self, params: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
        given = params.get("orderStr") or urlsplit(params.get("url", "")).query
        fields = dict(parse_qsl(f"{body.decode()}&{given}"))
        return {**fields, **json.loads(fields["biz_content"])}

    async def finish_refund(self, refund_id: str, state: RefundState) -> None:
        end = {"out_request_no": refund_id, "status": _FINISHED[state]}
        assert await self.tell("POST", "/alipay/refunds/finish", end) == 200


class CertifiedAlipayBench(AlipayBench):
    """Our app signs and believes by certificates, and all content is encrypted."""

    methods: ClassVar[Mapping[str, Method]] = {name: AlipayBench.methods[name] for name in ("create", "page", "code")}
    client_params: ClassVar[Mapping[str, set[str]]] = {name: AlipayBench.client_params[name] for name in methods}
    certificates = ("app_cert_pem", "alipay_cert_pem", "alipay_root_cert_pem")
    merchant_settings = (
        "app_id", "seller_id", "app_private_key_pem", "base_url", "aes_key", *certificates
    )  # fmt: skip
    gateway_keys = certificates[1:]
    speaks_plainly = False
