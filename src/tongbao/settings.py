"""What an operator can choose: environment variables that start with TONGBAO_. Rooms get values, not this."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path

from tongbao.kit.sealing import Sealer, sealer_from_file, sealer_from_text
from tongbao.ways import Ways, WaysError
from tongbao.ways import read as read_ways


class SettingsError(ValueError):
    """A setting cannot be used; the message names it and the cure."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one process.

    `database_url` None means the embedded PostgreSQL under `data_folder`. `public_url` is how gateways reach us: see
    `notify_base`. `allow_private_webhooks` lets webhooks go to http, private and loopback addresses: for tests and for
    a merchant's server inside the same network only. `clock_movable` lets whoever may send signals in the database
    move our clock while we run: for simulated time only. `ways_file` changes which channel may collect where.
    `trusted_proxies` are believed when they say for whom they ask (X-Forwarded-For).
    """

    data_folder: Path = Path(".tongbao")
    database_url: str | None = field(default=None, repr=False)
    database_connections: int = 10
    host: str = "127.0.0.1"
    port: int = 8000
    public_url: str | None = None
    master_keys: str | None = field(default=None, repr=False)
    master_key_file: Path | None = None
    allow_private_webhooks: bool = False
    log_level: str = "info"
    log_json: bool = False
    clock_offset_seconds: float = 0.0
    clock_movable: bool = False
    ways_file: Path | None = None
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read TONGBAO_* variables. Raises SettingsError for one that cannot be read."""
        reader = _Reader(environment)
        port = reader.integer("PORT", 8000, 1, 65535)
        host = reader.text("HOST") or "127.0.0.1"
        return cls(
            data_folder=Path(reader.text("DATA") or ".tongbao"),
            database_url=reader.text("DATABASE_URL"),
            database_connections=reader.integer("DATABASE_CONNECTIONS", 10, 4, 1000),
            host=host,
            port=port,
            public_url=reader.text("PUBLIC_URL"),
            master_keys=reader.text("MASTER_KEYS"),
            master_key_file=Path(path) if (path := reader.text("MASTER_KEY_FILE")) else None,
            allow_private_webhooks=reader.flag("ALLOW_PRIVATE_WEBHOOKS"),
            log_level=reader.choice("LOG_LEVEL", ("info", "debug", "warning", "error")),
            log_json=reader.flag("LOG_JSON"),
            clock_offset_seconds=reader.number("CLOCK_OFFSET_SECONDS"),
            clock_movable=reader.flag("CLOCK_MOVABLE"),
            trusted_proxies=reader.networks("TRUSTED_PROXIES"),
            ways_file=Path(path) if (path := reader.text("WAYS")) else None,
        )

    @property
    def notify_base(self) -> str:
        """What notification addresses begin with: the public address, or for trying out our own."""
        return (self.public_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    def ways(self) -> Ways:
        """Which channel may collect where: our table, with what the operator's file says in its place.

        Raises SettingsError.
        """
        try:
            return read_ways(self.ways_file)
        except WaysError as error:
            raise SettingsError(f"TONGBAO_WAYS: {error}") from None

    def sealer(self) -> Sealer:
        """The master keys: from TONGBAO_MASTER_KEYS, else from the key file, which is made where there is none.

        Raises SettingsError.
        """
        try:
            if self.master_keys is not None:
                return sealer_from_text(self.master_keys)
            if self.master_key_file and not self.master_key_file.exists():
                raise ValueError(f"{self.master_key_file} is not there, and only the default file is made by itself")
            return sealer_from_file(self.master_key_file or self.data_folder / "master.key")
        except (ValueError, OSError) as error:
            raise SettingsError(f"the master key cannot be used: {error}") from None


@dataclass(frozen=True, slots=True)
class _Reader:
    environment: Mapping[str, str] = field(repr=False)

    def text(self, name: str) -> str | None:
        return self.environment.get(f"TONGBAO_{name}") or None

    def integer(self, name: str, default: int, least: int, most: int) -> int:
        text = self.text(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
            raise SettingsError(f"TONGBAO_{name} must be a whole number from {least} to {most}, not {text!r}")
        return int(text)

    def number(self, name: str) -> float:
        text = self.text(name) or "0"
        if not re.fullmatch(r"[+-]?\d{1,10}(\.\d+)?", text, re.ASCII):
            raise SettingsError(f"TONGBAO_{name} must be a number, not {text!r}")
        return float(text)

    def networks(self, name: str) -> tuple[IPv4Network | IPv6Network, ...]:
        try:
            return tuple(ip_network(part.strip()) for part in (self.text(name) or "").split(",") if part.strip())
        except ValueError as error:
            raise SettingsError(f"TONGBAO_{name} must be addresses or networks with commas between: {error}") from None

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        text = (self.text(name) or allowed[0]).lower()
        if text not in allowed:
            raise SettingsError(f"TONGBAO_{name} must be one of {', '.join(allowed)}, not {text!r}")
        return text

    def flag(self, name: str) -> bool:
        text = (self.text(name) or "no").lower()
        if text not in ("yes", "true", "1", "no", "false", "0"):
            raise SettingsError(f"TONGBAO_{name} must be yes or no, not {text!r}")
        return text in ("yes", "true", "1")
