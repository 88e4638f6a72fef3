"""The server that the guides teach: FastAPI, `wechatpayv3`, SQLAlchemy's ORM. Runs in the opponents' environment.

It is put together as FastAPI's "SQL (Relational) Databases" and the examples of `wechatpayv3` have it: `def` endpoints
in the thread pool, a session for each request, one blocking call to WeChat Pay; a notification must be signed and its
amount must be right. No API key, ledger, webhook, inbox, chase or expiry. What is not its own way of working (event
loop, HTTP parser, silence, size of the pool) is as Tongbao has it.
"""

import json
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import create_engine, func
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from wechatpayv3 import WeChatPay, WeChatPayType

config = json.loads(Path(sys.argv[1]).read_text())

engine = create_engine(config["database_url"], pool_size=config["connections"], max_overflow=0)
SessionLocal = sessionmaker(engine)

wxpay = WeChatPay(
    wechatpay_type=WeChatPayType.MINIPROG,
    mchid=config["mchid"],
    private_key=config["merchant_private_key_pem"],
    cert_serial_no=config["merchant_serial"],
    apiv3_key=config["apiv3_key"],
    appid=config["appid"],
    notify_url=config["notify_url"],
    public_key=config["platform_public_key_pem"],
    public_key_id=config["platform_public_key_id"],
)
wxpay._core._gate_way = config["base_url"]


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    out_trade_no: Mapped[str] = mapped_column(unique=True, index=True)
    subject: Mapped[str]
    amount: Mapped[int]
    openid: Mapped[str | None]
    status: Mapped[str] = mapped_column(default="NOTPAY")
    transaction_id: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    paid_at: Mapped[datetime | None]


class OrderCreate(BaseModel):
    subject: str
    amount: int
    openid: str | None = None


class OrderOut(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: int
    out_trade_no: str
    subject: str
    amount: int
    status: str
    transaction_id: str | None
    created_at: datetime
    paid_at: datetime | None


class OrderCreated(OrderOut):
    client_params: dict[str, str] | None = None


def get_session() -> Iterator[Session]:
    with SessionLocal() as session:
        yield session


async def get_body(request: Request) -> bytes:
    return await request.body()


SessionDep = Annotated[Session, Depends(get_session)]
BodyDep = Annotated[bytes, Depends(get_body)]

Base.metadata.create_all(engine)
app = FastAPI()


@app.post("/orders", status_code=201)
def create_order(wanted: OrderCreate, session: SessionDep) -> OrderCreated:
    """Create an order and, where it says who pays, prepare the payment at WeChat Pay."""
    order = Order(out_trade_no=uuid.uuid4().hex, subject=wanted.subject, amount=wanted.amount, openid=wanted.openid)
    session.add(order)
    session.commit()
    session.refresh(order)
    created = OrderCreated.model_validate(order)
    if order.openid:
        code, message = wxpay.pay(
            description=order.subject,
            out_trade_no=order.out_trade_no,
            amount={"total": order.amount, "currency": "CNY"},
            payer={"openid": order.openid},
        )
        if code != 200:
            raise HTTPException(502, message)
        created.client_params = pay_params(json.loads(message)["prepay_id"])
    return created


def pay_params(prepay_id: str) -> dict[str, str]:
    timestamp, nonce, package = str(int(time.time())), uuid.uuid4().hex, f"prepay_id={prepay_id}"
    signature = wxpay.sign([config["appid"], timestamp, nonce, package])
    return {"timeStamp": timestamp, "nonceStr": nonce, "package": package, "signType": "RSA", "paySign": signature}


@app.post("/notify")
def notify(request: Request, body: BodyDep, session: SessionDep) -> Response:
    """Take in a notification: verify, decrypt, compare the amount, mark the order paid."""
    result = wxpay.callback(request.headers, body)
    if not result or result.get("event_type") != "TRANSACTION.SUCCESS":
        return Response('{"code":"FAIL","message":"失败"}', 400, media_type="application/json")
    transaction = result["resource"]
    order = session.query(Order).filter(Order.out_trade_no == transaction["out_trade_no"]).first()
    if order is None or order.amount != transaction["amount"]["total"]:
        return Response('{"code":"FAIL","message":"失败"}', 400, media_type="application/json")
    if order.status != "SUCCESS":
        order.status = "SUCCESS"
        order.transaction_id = transaction["transaction_id"]
        order.paid_at = datetime.fromisoformat(transaction["success_time"]).replace(tzinfo=None)
        session.commit()
    return Response('{"code":"SUCCESS","message":"成功"}', media_type="application/json")


@app.get("/orders/{order_id}")
def read_order(order_id: int, session: SessionDep) -> OrderOut:
    """Read an order."""
    order = session.get(Order, order_id)
    if order is None:
        raise HTTPException(404)
    return OrderOut.model_validate(order)


if __name__ == "__main__":
    uvicorn.run(app, port=config["port"], loop="uvloop", http="httptools", access_log=False, log_level="warning")
