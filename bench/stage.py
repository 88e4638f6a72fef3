"""What the rows have in common: one PostgreSQL, one sandbox, one load generator; and the servers that are measured."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, LiteralString
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import orjson
import psycopg

from bench import opponents, store
from bench.processes import BenchError, Server, cpu_seconds, parent_of, serving
from bench.rounds import Results, percentiles
from tongbao.kit import embedded, migrate
from tongbao.kit.db import Db
from tongbao.kit.sealing import new_master_key, sealer_from_text
from tongbao_sandbox import persistence
from tongbao_sandbox.wechat import credentials
from tongbao_sandbox.wechat.credentials import Merchant
from tools.programs import ROOT, end, free_ports
from tools.shop import ACCOUNT_FIELDS, add_alipay, open_merchant

CONNECTIONS = 10
"""To the database, for each server and for pgbench."""


@dataclass(frozen=True, slots=True)
class Stage:
    """`merchant` holds the sandbox's own keys, so that the bench can sign notifications before they are needed;
    `papers` are what a merchant's developer knows of it, `alipay_papers` what is known of its app at Alipay."""

    folder: Path
    database_url: str = field(repr=False)
    postmaster: int
    sandbox: Server
    merchant: Merchant = field(repr=False)
    papers: Mapping[str, Any] = field(repr=False)
    alipay_papers: Mapping[str, Any] = field(repr=False)
    load: Load
    receiver: Server


@dataclass(frozen=True, slots=True)
class Shop:
    """A server under measurement, the headers its merchant sends, what an order is to it, and by which of the sandbox's
    gateways it is paid. `by_alipay` is the same server with orders that are paid there."""

    server: Server
    database_url: str = field(repr=False)
    orders_url: str
    notify_url: str
    headers: Mapping[str, str] = field(repr=False)
    order: Mapping[str, Any]
    payment: Mapping[str, Any]
    paid_status: str
    gateway: str = "wechat"
    master_keys: str | None = field(default=None, repr=False)
    by_alipay: Shop | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Load:
    """The load generator."""

    process: subprocess.Popen[bytes]

    def run(self, kind: str, **job: Any) -> dict[str, Any]:
        """Have it do one job. Raises BenchError for anything but the expected answers."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(orjson.dumps({"kind": kind, **job}) + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        result: dict[str, Any] = orjson.loads(line) if line else {"error": "the load generator has ended"}
        if "error" in result:
            raise BenchError(result["error"])
        return result


@contextmanager
def opened() -> Iterator[Stage]:
    """Set up everything that the rows share; stopped and removed at the end of the block."""
    folder = Path(tempfile.mkdtemp(prefix="tongbao-bench-"))
    folder.chmod(0o711)  # under root PostgreSQL runs as `nobody`, who must be able to enter
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder)
        postgres = stack.enter_context(embedded.start(folder / "postgres"))
        with psycopg.connect(postgres.url) as connection:
            postmaster = parent_of(store.postmaster_child(connection))
        sandbox, merchant = stack.enter_context(_sandbox(folder))
        port = free_ports(1)
        command = [sys.executable, "-m", "bench.receiver", str(port)]
        receiver = stack.enter_context(serving("receiver", command, port, folder / "receiver.log"))
        load = stack.enter_context(_load())
        papers = ask("GET", sandbox.url + "/credentials")
        yield Stage(
            folder, postgres.url, postmaster, sandbox, merchant, papers["wechat"], papers["alipay"], load, receiver
        )


@contextmanager
def tongbao(stage: Stage, name: LiteralString, *, with_worker: bool) -> Iterator[Shop]:
    """Tongbao as `tongbao serve` runs it, on a fresh database, with one merchant whose webhooks the receiver takes."""
    url, master_key, port = store.create_database(stage.database_url, name), new_master_key("bench"), free_ports(1)
    migrate.apply(url)
    account_id, api_key = asyncio.run(_seeded(stage, url, master_key))
    environment = {
        "TONGBAO_DATABASE_URL": url,
        "TONGBAO_DATABASE_CONNECTIONS": str(CONNECTIONS),
        "TONGBAO_PORT": str(port),
        "TONGBAO_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "TONGBAO_MASTER_KEYS": master_key,
        "TONGBAO_ALLOW_PRIVATE_WEBHOOKS": "yes",
    }
    command = [str(Path(sys.executable).with_name("tongbao")), "serve", *([] if with_worker else ["--no-worker"])]
    with serving("tongbao", command, port, stage.folder / f"{name}.log", environment) as server:
        shop = Shop(
            server,
            url,
            orders_url=server.url + "/v1/orders",
            notify_url=f"{server.url}/notify/wechatpay/{account_id}",
            headers={"Authorization": f"Bearer {api_key}"},
            order={"amount": 1800, "subject": "Latte, large", "buyer": _buyer(stage, server, "wechat")},
            payment={"payment": {"channel": "wechatpay", "method": "jsapi"}},
            paid_status="paid",
            master_keys=master_key,
        )
        by_alipay = replace(
            shop,
            order={**shop.order, "buyer": _buyer(stage, server, "alipay")},
            payment={"payment": {"channel": "alipay", "method": "create"}},
            gateway="alipay",
        )
        yield replace(shop, by_alipay=by_alipay)


@contextmanager
def tutorial(stage: Stage, name: LiteralString) -> Iterator[Shop]:
    """The tutorial server, on a fresh database of the same PostgreSQL, for the same merchant of the sandbox."""
    url, port = store.create_database(stage.database_url, name), free_ports(1)
    settings = {name: stage.papers[name] for name in (*ACCOUNT_FIELDS, "appid")} | {
        "database_url": url.replace("postgresql://", "postgresql+psycopg://", 1),
        "connections": CONNECTIONS,
        "notify_url": f"http://127.0.0.1:{port}/notify",
        "port": port,
    }
    file = stage.folder / f"{name}.json"
    file.write_bytes(orjson.dumps(settings))
    command = [opponents.python(), "-m", "bench.tutorial_server", str(file)]
    with serving("the tutorial server", command, port, stage.folder / f"{name}.log") as server:
        yield Shop(
            server,
            url,
            orders_url=server.url + "/orders",
            notify_url=server.url + "/notify",
            headers={},
            order={"amount": 1800, "subject": "Latte, large"},
            payment={"openid": stage.papers["openid"]},
            paid_status="SUCCESS",
        )


@contextmanager
def empty(stage: Stage) -> Iterator[Server]:
    """The empty handler."""
    port = free_ports(1)
    command, environment = [sys.executable, "-m", "bench.empty_server"], {"TONGBAO_PORT": str(port)}
    with serving("the empty handler", command, port, stage.folder / "empty.log", environment) as server:
        yield server


@dataclass(slots=True)
class Meter:
    """What happened between the beginning and the end of a `metered` block."""

    server_cpu_seconds: float = 0.0
    postgres_cpu_seconds: float = 0.0


@contextmanager
def metered(stage: Stage, server: Server | None) -> Iterator[Meter]:
    """Measure the processor time of a server's processes, and of PostgreSQL's apart."""
    meter, pids = Meter(), (server.pid,) if server else ()
    before = cpu_seconds(*pids), cpu_seconds(stage.postmaster)
    yield meter
    meter.server_cpu_seconds = cpu_seconds(*pids) - before[0]
    meter.postgres_cpu_seconds = cpu_seconds(stage.postmaster) - before[1]


def burst(stage: Stage, server: Server, requests: list[dict[str, Any]], **job: Any) -> Results:
    """Send many requests; what that cost."""
    with metered(stage, server) as meter:
        spans = stage.load.run("burst", requests=requests, **job)["spans"]
    started, ended = min(span[0] for span in spans), max(span[1] for span in spans)
    return {
        "rate": len(requests) / (ended - started),
        "server_ms": 1000 * meter.server_cpu_seconds / len(requests),
        "postgres_ms": 1000 * meter.postgres_cpu_seconds / len(requests),
        **percentiles("each", [end - start for start, end in spans]),
    }


def analyze(*shops: Shop) -> None:
    """Let PostgreSQL's planner know what is in the tables by now."""
    for shop in shops:
        store.analyze(shop.database_url)


def arrivals(stage: Stage, count: int) -> dict[str, float]:
    """When the first webhook of each order arrived, once they all have. Raises BenchError if they do not."""
    deadline = time.monotonic() + 30
    while len(known := ask("GET", stage.receiver.url + "/")) < count:
        if time.monotonic() > deadline:
            raise BenchError(f"{len(known)} of {count} webhooks were delivered")
        time.sleep(0.05)
    ask("GET", stage.receiver.url + "/?anew")
    return {str(order_id): float(at) for order_id, at in known.items()}


def ask(method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None) -> Any:
    """One exchange of JSON. Raises BenchError for a refusal."""
    data = orjson.dumps(body) if body is not None else None
    request = Request(url, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urlopen(request, timeout=30) as answer:
            return orjson.loads(answer.read())
    except HTTPError as error:
        raise BenchError(f"{method} {url} answered {error.code}: {error.read()[:500].decode()}") from None


@contextmanager
def _sandbox(folder: Path) -> Iterator[tuple[Server, Merchant]]:
    """The sandbox, from a state that we make, whose notifications come only when they are asked for."""
    port, state = free_ports(6), folder / "sandbox.json"
    apps = [credentials.new_app(), credentials.new_app(is_web=True)]
    merchant = Merchant(credentials.new_merchant([app.appid for app in apps], time.time()))
    persistence.save(state, {"gateways": {"wechat": {"apps": apps, "merchants": [merchant.papers]}}})
    command = [sys.executable, "-m", "tongbao_sandbox", "--base-port", str(port), "--state", str(state)]
    with serving("the sandbox", command, port, folder / "sandbox.log") as server:
        ask("PUT", server.url + "/faults", {name: {"notify": {"lose": 1}} for name in ("wechat", "alipay")})
        yield server, merchant


def _buyer(stage: Stage, server: Server, gateway: str) -> str:
    """The id of a buyer who has logged in through the mini-program of that name."""
    app_id = stage.papers["appid"] if gateway == "wechat" else stage.alipay_papers["app_id"]
    shown = ask("POST", f"{stage.sandbox.url}/{gateway}/buyer/login", {"appid": app_id, "app_id": app_id})
    login = {"host": gateway, "app_id": app_id, "code": shown.get("code") or shown["auth_code"]}
    return str(ask("POST", server.url + "/v1/sessions", login)["buyer_id"])


@contextmanager
def _load() -> Iterator[Load]:
    command = [sys.executable, "-m", "bench.load"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        yield Load(process)
    finally:
        end(process)


async def _seeded(stage: Stage, url: str, master_key: str) -> tuple[str, str]:
    """Make the merchant; returns its account's id and an API key."""
    db = await Db.connect(url, size=1)
    try:
        hook_url = stage.receiver.url + "/webhooks"
        sealer = sealer_from_text(master_key)
        opened = await open_merchant(db, sealer, stage.papers, hook_url)
        await add_alipay(db, sealer, opened.merchant_id, stage.alipay_papers)
    finally:
        await db.close()
    return opened.account_id, opened.api_key
