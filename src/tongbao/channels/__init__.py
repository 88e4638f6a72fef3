"""Payment gateways, one folder each, all speaking the Channel protocol."""

from __future__ import annotations

from tongbao.channels.model import (
    Answer,
    Channel,
    Charge,
    Destination,
    Diagnosis,
    Instalments,
    Means,
    Method,
    Notice,
    Option,
    PayerKind,
    PaymentFact,
    PaymentState,
    PlatformKey,
    Prepared,
    Redirection,
    RefundFact,
    RefundOrder,
    RefundState,
)
from tongbao.channels.registry import channel_names, channel_of_code, open_channel, secret_fields, validate_account

__all__ = [
    "Answer",
    "Channel",
    "Charge",
    "Destination",
    "Diagnosis",
    "Instalments",
    "Means",
    "Method",
    "Notice",
    "Option",
    "PayerKind",
    "PaymentFact",
    "PaymentState",
    "PlatformKey",
    "Prepared",
    "Redirection",
    "RefundFact",
    "RefundOrder",
    "RefundState",
    "channel_names",
    "channel_of_code",
    "open_channel",
    "secret_fields",
    "validate_account",
]
