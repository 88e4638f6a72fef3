"""Where a row is played: a PostgreSQL, a sandbox, a server and perhaps a worker, each a process that can be killed."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import asyncpg

from reliability import checking, store
from reliability.hooks import Ear
from reliability.merchant import Answer, Merchant, open_session
from reliability.wallets import ALIPAY, WALLETS, WECHAT, Till
from tongbao.kit import clock, embedded
from tongbao.kit.db import Db
from tongbao.kit.sealing import Sealer, new_master_key, sealer_from_text
from tools.programs import READY_SECONDS, Program, free_ports
from tools.shop import add_alipay, open_merchant

_POLL_SECONDS = 0.1
_QUIET_SECONDS = 0.5
"""So long nothing must have moved before we conclude that only time is missing, and move the clocks."""
_DATABASE_IS_AWAY = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)

T = TypeVar("T")


@dataclass(slots=True)
class Process:
    """One program of the stage."""

    program: Program

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self.program.is_running

    async def start(self) -> None:
        """Start it, and wait until it is ready."""
        self.program.launch()
        await self.ready()

    async def ready(self) -> None:
        """Wait until it is ready. Raises NotServing."""
        give_up_at = time.monotonic() + READY_SECONDS
        while not await asyncio.to_thread(self.program.is_ready):
            if time.monotonic() > give_up_at:
                raise self.program.failure()
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        """End it gently."""
        await asyncio.to_thread(self.program.stop)

    def kill(self) -> None:
        """SIGKILL its whole process group."""
        self.program.kill()

    def log(self) -> str:
        """Everything it has written, over all its lives."""
        return self.program.log()


@dataclass(slots=True)
class Stage:
    """All of one row. `acknowledged` holds what was answered 2xx: (merchant, id) of `order`, `attempt`, `refund`.

    Nothing here raises because a server is away; see `Merchant`.
    """

    folder: Path
    url: str
    control_url: str
    database_url: str = field(repr=False)
    sealer: Sealer = field(repr=False)
    db: Db
    session: aiohttp.ClientSession
    ear: Ear
    sandbox: Process
    server: Process
    worker: Process | None
    merchants: list[Merchant] = field(default_factory=list)
    acknowledged: dict[str, set[tuple[str, str]]] = field(
        default_factory=lambda: {"order": set(), "attempt": set(), "refund": set()}
    )
    secrets: set[str] = field(default_factory=set, repr=False)
    """What must be in no log."""
    stuck: list[str] = field(default_factory=list)
    """What did not come to its end within the limit of `settle`."""
    wrong: list[str] = field(default_factory=list)
    """What `violations` found last."""
    weather: dict[str, Any] = field(default_factory=dict)
    """How the sandbox's dial stands when nobody turns it further; see its PUT /faults."""
    offset_seconds: float = 0.0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        folder: Path | None = None,
        *,
        durable: bool = False,
        worker_apart: bool = False,
        environment: Mapping[str, str] | None = None,
        command: tuple[str, ...] = ("-m", "tongbao"),
    ) -> AsyncIterator[Stage]:
        """Start everything, and stop it at the end.

        Without `folder` there is a temporary one, which stays, with its logs, where something went wrong. `durable` is
        PostgreSQL's. `environment` goes to server and worker. `command` is what Python runs as `tongbao`.
        """
        kept = folder or Path(tempfile.mkdtemp(prefix="tongbao-reliability-"))
        kept.mkdir(exist_ok=True, parents=True)
        kept.chmod(0o711)  # under root PostgreSQL runs as `nobody`, who must be able to enter
        async with AsyncExitStack() as stack:
            stage = await _put_together(stack, kept, durable, worker_apart, environment or {}, command)
            yield stage
        if folder is None and not stage.stuck and not stage.wrong:
            shutil.rmtree(kept)

    async def merchant(self) -> Merchant:
        """A new merchant with a till for each wallet, its buyers logged in, its webhook address listening."""
        known = {wallet: await self.control("POST", f"/{wallet.gateway}/merchants") for wallet in WALLETS}
        wechat, alipay = known[WECHAT], known[ALIPAY]
        hook = self.ear.hook()
        opened = await open_merchant(self.db, self.sealer, wechat, hook.url)
        account_id = await add_alipay(self.db, self.sealer, opened.merchant_id, alipay)
        tills = (
            Till(WECHAT, opened.account_id, wechat, subject=wechat["openid"]),
            Till(ALIPAY, account_id, alipay, subject=alipay["buyer_open_id"]),
        )
        merchant = Merchant(self, opened, {till.wallet.channel: till for till in tills}, hook, [hook])
        self.secrets |= {opened.api_key, opened.webhook_secret, wechat["apiv3_key"], wechat["app_secret"]}
        self.secrets |= {alipay["aes_key"], alipay["app_private_key_pem"].split("\n")[1]}
        self.secrets.add(wechat["merchant_private_key_pem"].split("\n")[1])
        for wallet in WALLETS:
            await merchant.log_in(wallet)
        self.merchants.append(merchant)
        return merchant

    async def ask(self, method: str, url: str, body: object = None, **how: Any) -> Answer | None:
        """One exchange of JSON. None when unanswered."""
        if body is not None:
            how["json"] = body
        try:
            async with self.session.request(method, url, **how) as response:
                content = await response.json(content_type=None) if "json" in response.content_type else None
                return Answer(response.status, content)
        except (aiohttp.ClientError, OSError, ValueError, TimeoutError):
            return None

    async def control(self, method: str, path: str, body: object = None) -> Any:
        """Ask the sandbox's control API. Raises AssertionError for anything but a 2xx."""
        answer = await self.ask(method, self.control_url + path, body if method == "GET" else body or {})
        assert answer and answer.is_yes, f"{method} {path}: {answer}"
        return answer.body

    def programs(self) -> list[Process]:
        """Server and, where it is apart, worker."""
        return [self.server, *([self.worker] if self.worker else [])]

    async def restart(self, process: Process) -> float:
        """Kill a program and start it again at once; the seconds until it was ready."""
        began = time.monotonic()
        process.kill()
        await process.start()
        return time.monotonic() - began

    def kill_postgres(self) -> int:
        """SIGKILL the postmaster; its pid. The servers' own supervision notices and starts it again."""
        pid = self.postmaster()
        assert pid
        os.kill(pid, signal.SIGKILL)
        return pid

    def postmaster(self) -> int | None:
        """The postmaster's pid; None while there is none that serves."""
        running = embedded.status(self.folder / "postgres")
        return int(running.split("pid ")[1].split(",")[0]) if running else None

    async def advance(self, seconds: float) -> None:
        """Move everybody's clock forward: the servers', the sandbox's, and ours."""
        self.offset_seconds += seconds
        for process in self.programs():
            process.program.environment["TONGBAO_CLOCK_OFFSET_SECONDS"] = f"{self.offset_seconds:.3f}"
        # For servers that come back by themselves, perhaps at this moment.
        (self.folder / "clock.new").write_text(f"{self.offset_seconds:.3f}")
        (self.folder / "clock.new").replace(self.folder / "clock")
        clock.move(self.offset_seconds)
        await self.patiently(lambda: store.move_clocks(self.db, self.offset_seconds))
        await self.control("PUT", "/clock", {"offset_seconds": self.offset_seconds})

    async def settle(self, limit_seconds: float = 60) -> float:
        """Wait until nothing is under way: what was paid at the sandbox is known here, refunds are final, webhooks are
        delivered to every hook that lives. Where only time is missing, the clocks are moved.

        Returns the real seconds it took. What does not end within the limit is noted in `stuck`, and so a violation.
        """
        began = last_move = time.monotonic()
        paid = [attempt_id for merchant in self.merchants for attempt_id in await self._paid_at_sandbox(merchant)]
        living = [hook.url for merchant in self.merchants for hook in merchant.hooks if not hook.is_dead]
        before: object = None
        while waiting := await self.patiently(lambda: store.waiting(self.db, paid, living)):
            now = time.monotonic()
            if waiting != before:
                before, last_move = waiting, now
            if now - began > limit_seconds:
                self.stuck += [f"{count} {what}, due {due}" for what, (count, due) in waiting.items()]
                break
            due = min((due for _, due in waiting.values() if due), default=None)
            missing_seconds = (due - clock.now()).total_seconds() if due else 0.0
            if now - last_move > _QUIET_SECONDS:
                # Also where no time is missing: a program that was just starting may not have heard of the last move.
                await self.advance(missing_seconds + 0.5 if missing_seconds > 0 else 0)
                last_move = time.monotonic()
            await asyncio.sleep(_POLL_SECONDS)
        return time.monotonic() - began

    async def violations(self) -> list[str]:
        """Everything that breaks one of the ten invariants, in words; nothing is the good answer."""
        self.wrong = await checking.violations(self)
        return self.wrong

    async def patiently(self, act: Callable[[], Awaitable[T]], limit_seconds: float = 60) -> T:
        """Ask the database, again for as long as it is away."""
        give_up_at = time.monotonic() + limit_seconds
        while True:
            try:
                return await act()
            except _DATABASE_IS_AWAY:
                if time.monotonic() > give_up_at:
                    raise
                await asyncio.sleep(0.1)

    async def books(self, merchant: Merchant) -> list[dict[str, Any]]:
        """The sandbox's own money books of one merchant, one for each wallet."""
        addresses = [f"/{till.wallet.gateway}/book?{urlencode(till.named)}" for till in merchant.tills.values()]
        return [await self.control("GET", address) for address in addresses]

    async def lines(self, merchant: Merchant) -> list[dict[str, Any]]:
        """Every line of these books."""
        return [line for book in await self.books(merchant) for line in book["lines"]]

    async def _paid_at_sandbox(self, merchant: Merchant) -> list[str]:
        """What was paid and not undone: of a scanned code that was reversed nothing is to be known here."""
        lines = await self.lines(merchant)
        undone = {line["out_trade_no"] for line in lines if _is_reversal(line)}
        return sorted({line["out_trade_no"] for line in lines if line["kind"] == "payment"} - undone)


def _is_reversal(line: Mapping[str, Any]) -> bool:
    """Whether a line of a gateway's book gives back what a scanned code had paid: to Alipay's it is a refund."""
    return line["kind"] == "reversal" or str(line.get("out_refund_no")).endswith("_cancel")


async def _put_together(
    stack: AsyncExitStack,
    folder: Path,
    durable: bool,
    worker_apart: bool,
    environment: Mapping[str, str],
    command: tuple[str, ...],
) -> Stage:
    postgres = await asyncio.to_thread(embedded.start, folder / "postgres", durable=durable, keep=True)
    stack.callback(embedded.stop, folder / "postgres")
    base_port, keys = free_ports(10), new_master_key("k1")
    control_url, url = f"http://127.0.0.1:{base_port}", f"http://127.0.0.1:{base_port + 9}"
    sandbox_command = [sys.executable, "-m", "tongbao_sandbox", "--base-port", str(base_port)]
    ready = f"{control_url}/credentials"
    sandbox = Process(Program("the sandbox", sandbox_command, {}, folder / "sandbox.log", ready))
    settings = {
        "TONGBAO_DATA": str(folder),
        "TONGBAO_PORT": str(base_port + 9),
        "TONGBAO_MASTER_KEYS": keys,
        "TONGBAO_ALLOW_PRIVATE_WEBHOOKS": "yes",
        "TONGBAO_CLOCK_MOVABLE": "yes",
        **environment,
    }
    serve = [sys.executable, *command, "serve", *(["--no-worker"] if worker_apart else [])]
    server = Process(Program("the server", serve, settings.copy(), folder / "server.log", f"{url}/readyz"))
    work = [sys.executable, *command, "worker"]
    worker = Process(Program("the worker", work, settings.copy(), folder / "worker.log")) if worker_apart else None
    for process in (sandbox, server, *([worker] if worker else [])):
        stack.push_async_callback(process.stop)
        process.program.launch()
    ear = await stack.enter_async_context(Ear.open())
    session = await open_session()
    stack.push_async_callback(session.close)
    await sandbox.ready()
    await server.ready()
    db = await Db.connect(postgres.url, size=4)
    stack.push_async_callback(db.close)
    stack.callback(clock.move, 0.0)
    return Stage(
        folder, url, control_url, postgres.url, sealer_from_text(keys), db, session, ear, sandbox, server, worker
    )


__all__ = ["Answer", "Merchant", "Process", "Stage"]
