"""Mini-program platforms, one folder each: where the buyer is, and who that is."""

from __future__ import annotations

from tongbao.hosts.model import Host, Identity, PhoneNumber, SubjectKind
from tongbao.hosts.registry import host_names, open_host, secret_fields, validate_app

__all__ = [
    "Host",
    "Identity",
    "PhoneNumber",
    "SubjectKind",
    "host_names",
    "open_host",
    "secret_fields",
    "validate_app",
]
