"""Who we collect for: merchants, their apps, API keys and sealed accounts at gateways."""

from tongbao.merchants.directory import Directory
from tongbao.merchants.keys import authenticate, create_key, forget_keys, list_keys, revoke_key
from tongbao.merchants.model import Account, ApiKey, App, Merchant, Principal
from tongbao.merchants.platform_keys import refresh_platform_keys
from tongbao.merchants.service import (
    add_account,
    add_app,
    create_merchant,
    disable_account,
    enable_account,
    get_merchant,
    list_accounts,
    list_apps,
    list_merchants,
    reseal,
    set_late_payment,
    update_account,
    update_app,
)

__all__ = [
    "Account",
    "ApiKey",
    "App",
    "Directory",
    "Merchant",
    "Principal",
    "add_account",
    "add_app",
    "authenticate",
    "create_key",
    "create_merchant",
    "disable_account",
    "enable_account",
    "forget_keys",
    "get_merchant",
    "list_accounts",
    "list_apps",
    "list_keys",
    "list_merchants",
    "refresh_platform_keys",
    "reseal",
    "revoke_key",
    "set_late_payment",
    "update_account",
    "update_app",
]
