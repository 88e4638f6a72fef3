"""WeChat Pay in the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from tests.channels.bench import RETURN_URL, Bench
from tongbao.channels import Option, PlatformKey, RefundState
from tongbao.channels.wechatpay.channel import WeChatPay

_FINISHED = {RefundState.SUCCEEDED: "SUCCESS", RefundState.ABNORMAL: "ABNORMAL", RefundState.CLOSED: "CLOSED"}
# The app's SDK has names of its own for what its pay function takes (3.1).
_OF_THE_SDK = {"partnerid": "partnerId", "prepayid": "prepayId", "package": "packageValue", "noncestr": "nonceStr",
               "timestamp": "timeStamp"}  # fmt: skip


class WeChatBench(Bench):
    """Our merchant believes the public key as well as the certificate."""

    channel_name = "wechatpay"
    gateway = "wechat"
    methods = WeChatPay.methods
    client_params: ClassVar[Mapping[str, set[str]]] = {
        "jsapi": {"timeStamp", "nonceStr", "package", "signType", "paySign"},
        "native": {"code_url"},
        "h5": {"h5_url"},
        "app": {"appid", "partnerid", "prepayid", "package", "noncestr", "timestamp", "sign"},
        "code": set(),
    }
    merchant_settings = (
        "mchid", "merchant_serial", "merchant_private_key_pem", "apiv3_key", "base_url", "platform_public_key_id",
        "platform_public_key_pem",
    )  # fmt: skip
    gateway_keys = ("platform_public_key_pem", "platform_certificates")
    option_words: ClassVar[Mapping[Option, Mapping[str, Any]]] = {
        Option.RETURN_URL: {"redirect_url": RETURN_URL},
        Option.ONLY: {"limit_pay": ["balance_only"]},
        Option.WITHOUT: {"limit_pay": ["no_balance"]},
    }
    unknown_states: ClassVar[Mapping[str, str]] = {"trade_state": "DANCING"}
    strangers: ClassVar[Mapping[str, str]] = {"appid": "wx0123456789abcdef", "mchid": "1900000001"}
    refund_refusals: ClassVar[Mapping[str, bool]] = {
        "NOT_ENOUGH": True,
        "NO_AUTH": True,
        "USER_ACCOUNT_ABNORMAL": False,
    }
    untold = frozenset({"code"})
    signed_headers = ("wechatpay-timestamp", "wechatpay-nonce", "wechatpay-serial", "wechatpay-signature")

    def settings(self, credentials: Mapping[str, Any]) -> dict[str, Any]:
        serial, pem = credentials["platform_serial"], credentials["platform_certificate_pem"]
        certificates = [{"serial": serial, "certificate_pem": pem}]
        own = {"app_id": credentials["appid"], "platform_certificates": certificates}
        return super().settings(credentials) | own

    def settings_with_fetched(self, keys: Iterable[PlatformKey]) -> dict[str, Any]:
        """The settings of our merchant with no key of the platform but these."""
        certificates = [{"serial": key.serial, "certificate_pem": key.certificate_pem} for key in keys]
        nothing = {"platform_public_key_id": None, "platform_public_key_pem": None}
        return self.settings(self.credentials) | nothing | {"platform_certificates": certificates}

    @property
    def app_id(self) -> str:
        return str(self.credentials["appid"])

    @property
    def payer(self) -> str:
        return str(self.credentials["openid"])

    def who(self) -> Mapping[str, str]:
        return {"mchid": self.credentials["mchid"]}

    def tap(self, params: Mapping[str, str]) -> Mapping[str, str]:
        is_app = "prepayid" in params
        return {_OF_THE_SDK.get(name, name): value for name, value in params.items()} if is_app else params

    def said(self, params: Mapping[str, str], body: bytes) -> Mapping[str, Any]:
        return {**json.loads(body), **dict(parse_qsl(urlsplit(params.get("h5_url", "")).query))}

    async def finish_refund(self, refund_id: str, state: RefundState) -> None:
        end = {"out_refund_no": refund_id, "status": _FINISHED[state]}
        assert await self.tell("POST", "/wechat/refunds/finish", end) == 200
