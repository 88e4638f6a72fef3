"""The control site (the base port): credentials, faults, clock, log, and every gateway's own commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web

from tongbao_sandbox.clock import Clock, utc
from tongbao_sandbox.faults import Dial
from tongbao_sandbox.gateway import Address, Command, ControlError, Gateway
from tongbao_sandbox.log import Log
from tongbao_sandbox.page import front_page

LOG_LIMIT = 1000
FARTHEST_OFFSET_SECONDS = 10 * 365 * 86400


class Control:
    """Knows the gateways by name only; what they can be asked they declare themselves."""

    def __init__(
        self, address: Address, clock: Clock, log: Log, dials: Mapping[str, Dial], gateways: Mapping[str, Gateway]
    ) -> None:
        self._address = address
        self._clock = clock
        self._log = log
        self._dials = dials
        self._gateways = gateways
        self._commands: dict[str, Command] = {
            "GET /credentials": self._credentials,
            "GET /books": self._books,
            "GET /faults": self._read_faults,
            "PUT /faults": self._set_faults,
            "GET /clock": self._read_clock,
            "PUT /clock": self._set_clock,
            "POST /reset": self._reset,
            "GET /log": self._read_log,
        }
        for name, gateway in gateways.items():
            for command, act in gateway.commands.items():
                method, _, path = command.partition(" ")
                self._commands[f"{method} /{name}/{path}"] = act

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        command = f"{request.method} {request.path}"
        if command == "GET /":
            page = front_page(self._address, self._gateways.values(), self._commands)
            return web.Response(text=page, content_type="text/html")
        try:
            act = self._find(command, request.path)
            answer = await act(dict(request.query) if request.method == "GET" else await _wish(request))
        except ControlError as error:
            self._log.write("", "control", command, f"{error.status} {error.code}: {error}")
            return _json({"code": error.code, "message": str(error)}, error.status)
        if request.method != "GET":
            self._log.write("", "control", command, "200")
        return _json(answer, 200)

    def _find(self, command: str, path: str) -> Command:
        if command in self._commands:
            return self._commands[command]
        methods = [known.split()[0] for known in self._commands if known.split()[1] == path]
        if methods:
            raise ControlError(405, "method_not_allowed", f"{path} takes {' and '.join(methods)}")
        raise ControlError(404, "path_unknown", f"nothing at {path}; GET / lists what there is")

    async def _credentials(self, wish: Mapping[str, Any]) -> object:
        """Every gateway's test merchant: enough to configure any SDK."""
        return {name: gateway.credentials() for name, gateway in self._gateways.items()}

    async def _books(self, wish: Mapping[str, Any]) -> object:
        """Every gateway's book of every merchant: what to compare a ledger with."""
        books = [{"gateway": name, **book} for name, gateway in self._gateways.items() for book in gateway.books()]
        return {"books": books}

    async def _read_faults(self, wish: Mapping[str, Any]) -> object:
        """How often each gateway misbehaves, and how."""
        return {name: dial.reading() for name, dial in self._dials.items()}

    async def _set_faults(self, wish: Mapping[str, Any]) -> object:
        """`{gateway: {"notify": {fault: probability}, "api": {…}, "seed"}}` replaces every gateway's dial; what is
        not named does not happen."""
        unknown = sorted(set(wish) - set(self._dials))
        if unknown:
            raise ControlError(400, "faults_unreadable", f"no such gateway: {', '.join(unknown)}")
        drafts = {name: Dial() for name in self._dials}
        try:
            for dials in (drafts, self._dials):
                for name, dial in dials.items():
                    dial.turn(wish.get(name, {}))
        except ValueError as error:
            raise ControlError(400, "faults_unreadable", str(error)) from None
        return await self._read_faults({})

    async def _read_clock(self, wish: Mapping[str, Any]) -> object:
        """The sandbox's present, and how far it is from real time."""
        return {"now": utc(self._clock.now()), "offset_seconds": self._clock.offset_seconds}

    async def _set_clock(self, wish: Mapping[str, Any]) -> object:
        """`{"offset_seconds"}` from real time, or `{"advance_seconds"}` from where it is; retries then due go out."""
        match wish:
            case {"offset_seconds": int() | float() as offset, **rest} if not rest:
                pass
            case {"advance_seconds": int() | float() as advance, **rest} if not rest:
                offset = self._clock.offset_seconds + advance
            case _:
                raise ControlError(400, "clock_unreadable", "give offset_seconds or advance_seconds, a number")
        if abs(offset) > FARTHEST_OFFSET_SECONDS:
            raise ControlError(400, "clock_unreadable", "ten years from real time is as far as this clock goes")
        self._clock.move_to(offset)
        return await self._read_clock({})

    async def _reset(self, wish: Mapping[str, Any]) -> object:
        """Forget orders, money, deliveries, log and faults; back to real time. Credentials stay."""
        for gateway in self._gateways.values():
            await gateway.reset()
        for dial in self._dials.values():
            dial.turn({})
        self._clock.move_to(0)
        self._log.clear()
        return {}

    async def _read_log(self, wish: Mapping[str, Any]) -> object:
        """`?since=n&limit=n`, and `kind=`, `out_trade_no=` or any other field to look for, oldest first."""
        try:
            since, limit = int(wish.get("since", 0)), int(wish.get("limit", LOG_LIMIT))
        except ValueError:
            raise ControlError(400, "log_unreadable", "since and limit are whole numbers") from None
        wanted = {name: value for name, value in wish.items() if name not in ("since", "limit")}
        return {"entries": self._log.read(since, max(0, limit), wanted)}


async def _wish(request: web.BaseRequest) -> Mapping[str, Any]:
    """The JSON object of the body; no body is an empty one."""
    body = await request.read()
    try:
        wish = orjson.loads(body) if body else {}
    except orjson.JSONDecodeError:
        wish = None
    if not isinstance(wish, dict):
        raise ControlError(400, "wish_unreadable", "the body must be a JSON object")
    return wish


def _json(answer: object, status: int) -> web.Response:
    return web.Response(body=orjson.dumps(answer), status=status, content_type="application/json")
