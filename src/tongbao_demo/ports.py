"""Are the ports free? Asked before anything is started, so that the answer can be one clear sentence."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Port:
    """A port we are about to open: where, for what, and the option that chooses another."""

    host: str
    number: int
    purpose: str
    option: str


class PortOccupied(Exception):
    """A port is taken; the message names it, who holds it as far as that can be seen, and the cure."""


def check_free(ports: Sequence[Port]) -> None:
    """Raises PortOccupied for the first port that cannot be opened, or that two of ours would share."""
    taken: dict[int, Port] = {}
    for port in ports:
        if port.number in taken:
            raise PortOccupied(
                f"Port {port.number} cannot serve both {taken[port.number].purpose} and {port.purpose}. "
                f"Choose another with {port.option}."
            )
        taken[port.number] = port
        _check(port)


def _check(port: Port) -> None:
    family = socket.AF_INET6 if ":" in port.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As our servers do: a port whose last connections are still cooling down is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((port.host, port.number))
        except OSError as error:
            raise PortOccupied(
                f"Port {port.number} on {port.host}, wanted for {port.purpose}, cannot be opened: {error.strerror}. "
                f"{_holder(port.number)} Stop it, or choose another with {port.option}."
            ) from None


def _holder(number: int) -> str:
    """Who listens there, in a sentence. Other users' processes cannot always be seen."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == number and connection.pid:
                return f"It is held by {psutil.Process(connection.pid).name()} (process {connection.pid})."
    except psutil.Error:
        pass
    return "Perhaps another demo, or a server of yours, is running."
