"""Orders paid by scanning a code or in an app: what each method takes and gives, and who can pay it how."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from tests.sandbox.client import Answer, Control, Merchant, Receiver

PATH = "/v3/pay/transactions"
H5_SCENE = {"payer_client_ip": "14.23.150.211", "h5_info": {"type": "Wap"}}


def wanted(merchant: Merchant, method: str, **changes: Any) -> dict[str, Any]:
    """A good order for a method, under a new number. A change to ... takes a field away."""
    scene = {"scene_info": H5_SCENE} if method == "h5" else {}
    order = merchant.order(**{"payer": ..., **scene, **changes})
    if method == "jsapi":
        order["payer"] = {"openid": merchant.credentials["openid"]}
    return {name: value for name, value in order.items() if value is not ...}


def create(merchant: Merchant, method: str, order: dict[str, Any]) -> Answer:
    return merchant.call("POST", f"{PATH}/{method}", order)


def created(merchant: Merchant, method: str, **changes: Any) -> tuple[dict[str, Any], str]:
    """An order and its prepay_id, code_url or h5_url."""
    order = wanted(merchant, method, **changes)
    answer = create(merchant, method, order)
    assert answer.status == 200, answer.body
    (ticket,) = answer.json.values()
    return order, ticket


def refused(control: Control, verb: str, **wish: Any) -> str:
    """The code with which a buyer's act is refused."""
    answer = control.ask("POST", f"/wechat/buyer/{verb}", wish)
    assert answer.status == 409, answer.body
    return str(answer.json["code"])


def app_sheet(merchant: Merchant, prepay_id: str, **lies: str) -> dict[str, str]:
    """What a merchant's server gives the SDK in its app."""
    appid, nonce, stamp = merchant.credentials["appid"], "593BEC0C", "1554208460"
    message = f"{appid}\n{stamp}\n{nonce}\n{prepay_id}\n".encode()
    sign = base64.b64encode(merchant.key.sign(message, PKCS1v15(), SHA256())).decode()
    sheet = {"appId": appid, "partnerId": merchant.mchid, "prepayId": prepay_id, "packageValue": "Sign=WXPay"}
    return sheet | {"nonceStr": nonce, "timeStamp": stamp, "sign": sign} | lies


@pytest.mark.parametrize(
    ("method", "shape"),
    [
        ("app", r'\{"prepay_id":"wx[0-9a-f]{34}"\}'),
        ("native", r'\{"code_url":"weixin://wxpay/bizpayurl\?pr=\w{11}"\}'),
        ("h5", r'\{"h5_url":"http://127.0.0.1:\d+/cgi-bin/mmpayweb-bin/checkmweb\?prepay_id=wx\w{34}&package=\d+"\}'),
    ],
)
def test_each_method_answers_with_its_own_ticket(merchant: Merchant, method: str, shape: str) -> None:
    answer = create(merchant, method, wanted(merchant, method))
    assert answer.status == 200
    assert re.fullmatch(shape, answer.body.decode())
    assert merchant.proves(answer.headers, answer.body)


@pytest.mark.parametrize(
    ("method", "name", "trade_type"),
    [("app", "prepay_id", "APP"), ("native", "code_url", "NATIVE"), ("h5", "h5_url", "MWEB")],
)
def test_notification_and_query_tell_the_trade_type_and_who_paid(
    control: Control, merchant: Merchant, receiver: Receiver, method: str, name: str, trade_type: str
) -> None:
    order, ticket = created(merchant, method, notify_url=receiver.url, attach="table 7")
    assert "trade_type" not in merchant.query(order["out_trade_no"]).json
    paid = control.post("/wechat/buyer/pay", **{name: ticket})
    assert (paid["trade_state"], paid["trade_type"]) == ("SUCCESS", trade_type)
    assert paid["payer"] == {"openid": merchant.credentials["openid"]}
    (letter,) = receiver.wait_for(1)
    assert letter.json["event_type"] == "TRANSACTION.SUCCESS"
    assert merchant.query(order["out_trade_no"]).json == paid
    assert paid.items() <= json.loads(merchant.opened(letter.json["resource"])).items()
    assert control.get("/wechat/book")["balance"] == 1990


@pytest.mark.parametrize(
    ("method", "changes", "pointer"),
    [
        ("native", {"notify_url": ...}, "/notify_url"),
        ("app", {"amount": {"total": 0}}, "/amount/total"),
        ("h5", {"scene_info": ...}, "/scene_info"),
        ("h5", {"scene_info": {"payer_client_ip": "1.1.1.1"}}, "/scene_info/h5_info"),
        ("h5", {"scene_info": {"h5_info": {"type": "Wap"}}}, "/scene_info/payer_client_ip"),
        ("h5", {"scene_info": H5_SCENE | {"h5_info": {}}}, "/scene_info/h5_info/type"),
        ("h5", {"scene_info": H5_SCENE | {"payer_client_ip": "shop.example"}}, "/scene_info/payer_client_ip"),
    ],
)
def test_a_method_refuses_what_it_cannot_use(
    merchant: Merchant, method: str, changes: dict[str, Any], pointer: str
) -> None:
    answer = create(merchant, method, wanted(merchant, method, **changes))
    assert (answer.status, answer.json["code"], answer.json["detail"]["field"]) == (400, "PARAM_ERROR", pointer)


@pytest.mark.parametrize(
    ("method", "changes", "pointer"),
    [
        ("native", {"payer": {"openid": "o"}}, "/body/payer"),
        ("h5", {"payer": {"openid": "o"}}, "/body/payer"),
        ("native", {"subsidy_info": {"subsidy_detail": []}}, "/body/subsidy_info"),
        ("native", {"scene_info": H5_SCENE}, "/body/scene_info/h5_info"),
    ],
)
def test_a_field_of_another_method_is_unknown(
    merchant: Merchant, method: str, changes: dict[str, Any], pointer: str
) -> None:
    answer = create(merchant, method, wanted(merchant, method, **changes))
    assert (answer.json["code"], answer.number) == ("PARAM_ERROR", 270924358)
    assert answer.json["detail"]["value"] == [pointer]


@pytest.mark.parametrize("method", ["app", "native", "h5"])
def test_one_number_is_for_one_method(merchant: Merchant, method: str) -> None:
    order, _ = created(merchant, method)
    for other in {"app", "native", "h5"} - {method}:
        fitting = order | ({"scene_info": H5_SCENE} if other == "h5" else {})
        assert create(merchant, other, fitting).status == 400
    assert create(merchant, method, order).status == 200


@pytest.mark.parametrize("method", ["jsapi", "app", "native", "h5"])
def test_a_merchant_without_a_product_is_told_so(control: Control, merchant: Merchant, method: str) -> None:
    control.put("/wechat/merchants", without=[method])
    answer = create(merchant, method, wanted(merchant, method))
    assert (answer.status, answer.json["code"]) == (403, "NO_AUTH")
    control.put("/wechat/merchants", without=[])
    assert create(merchant, method, wanted(merchant, method)).status == 200


def test_the_buyer_scans_the_code_and_pays(control: Control, merchant: Merchant) -> None:
    (_, code_url), (second, _) = created(merchant, "native"), created(merchant, "native")
    assert control.post("/wechat/buyer/scan", code_url=code_url)["trade_state"] == "SUCCESS"
    assert control.post("/wechat/buyer/scan", out_trade_no=second["out_trade_no"])["trade_state"] == "SUCCESS"


@pytest.mark.parametrize("way", ["album", "press"])
def test_a_code_is_read_by_the_camera_alone(control: Control, merchant: Merchant, way: str) -> None:
    _, code_url = created(merchant, "native")
    assert refused(control, "scan", code_url=code_url, **{"with": way}) == "SCAN_REFUSED"
    assert control.post("/wechat/buyer/scan", code_url=code_url, **{"with": "camera"})["trade_state"] == "SUCCESS"


def test_only_native_orders_are_scanned(control: Control, merchant: Merchant) -> None:
    order, _ = created(merchant, "app")
    assert refused(control, "scan", out_trade_no=order["out_trade_no"]) == "SCENE_INVALID"


def test_a_new_code_makes_the_old_one_invalid(control: Control, merchant: Merchant) -> None:
    order, old = created(merchant, "native")
    new = create(merchant, "native", order).json["code_url"]
    assert refused(control, "scan", code_url=old) == "CODE_URL_EXPIRED"
    assert control.post("/wechat/buyer/scan", code_url=new)["trade_state"] == "SUCCESS"


@pytest.mark.parametrize(
    ("method", "name", "seconds", "code"),
    [
        ("native", "code_url", 7200, "CODE_URL_EXPIRED"),
        ("app", "prepay_id", 7200, "PREPAY_EXPIRED"),
        ("h5", "h5_url", 300, "H5_URL_EXPIRED"),
    ],
)
def test_a_ticket_expires(
    control: Control, merchant: Merchant, method: str, name: str, seconds: int, code: str
) -> None:
    _, ticket = created(merchant, method)
    control.put("/clock", offset_seconds=seconds + 5)
    assert refused(control, "pay", **{name: ticket}) == code
    control.put("/clock", offset_seconds=seconds - 5)
    assert control.post("/wechat/buyer/pay", **{name: ticket})["trade_state"] == "SUCCESS"


@pytest.mark.parametrize(
    "wish", [{"code_url": "weixin://wxpay/bizpayurl?pr=none"}, {"h5_url": "http://[x/?prepay_id=1"}]
)
def test_an_unknown_ticket_pays_nothing(control: Control, wish: dict[str, str]) -> None:
    answer = control.ask("POST", "/wechat/buyer/pay", wish)
    assert (answer.status, answer.json["code"]) == (404, "ORDER_NOT_EXIST")


@pytest.mark.parametrize(("method", "name"), [("native", "code_url"), ("h5", "h5_url"), ("jsapi", "prepay_id")])
def test_an_order_is_paid_by_the_account_that_opened_it(
    control: Control, merchant: Merchant, method: str, name: str
) -> None:
    _, ticket = created(merchant, method)
    first = merchant.credentials["openid"] if method == "jsapi" else "oFirstBuyer00000000000000001"
    control.post("/wechat/buyer/open", **{name: ticket}, openid=first)
    assert refused(control, "pay", **{name: ticket}, openid="oSecondBuyer0000000000000001") == "OTHER_ACCOUNT"
    assert control.post("/wechat/buyer/pay", **{name: ticket})["payer"] == {"openid": first}


def test_an_apps_pay_sheet_opens_only_if_it_is_rightly_signed(control: Control, merchant: Merchant) -> None:
    _, prepay_id = created(merchant, "app")
    lies = [{"sign": "AAAA"}, {"nonceStr": "x"}, {"packageValue": f"prepay_id={prepay_id}"}, {"partnerId": "1"}]
    for lie in lies:
        assert refused(control, "pay", **app_sheet(merchant, prepay_id, **lie)) == "PAY_SIGN_INVALID"
    assert control.post("/wechat/buyer/pay", **app_sheet(merchant, prepay_id))["trade_type"] == "APP"


def test_a_prepay_id_opens_no_sheet_of_another_method(control: Control, merchant: Merchant) -> None:
    (_, for_app), (_, for_page) = created(merchant, "app"), created(merchant, "jsapi")
    assert refused(control, "pay", package=f"prepay_id={for_app}", signType="RSA", paySign="") == "SCENE_INVALID"
    assert refused(control, "pay", **app_sheet(merchant, for_page)) == "SCENE_INVALID"


@pytest.mark.parametrize("method", ["jsapi", "app", "native", "h5"])
@pytest.mark.parametrize("then", ["pay", "abandon", "time passes"])
def test_while_the_buyer_types_the_password_a_close_is_put_off(
    control: Control, merchant: Merchant, method: str, then: str
) -> None:
    order, _ = created(merchant, method)
    wish = {"out_trade_no": order["out_trade_no"]}
    assert control.post("/wechat/buyer/open", **wish)["trade_state"] == "NOTPAY"
    waiting = merchant.close(order["out_trade_no"])
    assert (waiting.status, waiting.json["code"]) == (202, "USERPAYING")
    assert merchant.proves(waiting.headers, waiting.body)
    if then == "time passes":
        control.put("/clock", advance_seconds=46)
    else:
        control.post(f"/wechat/buyer/{then}", **wish)
    assert merchant.close(order["out_trade_no"]).status == (400 if then == "pay" else 204)


def test_the_dial_pays_a_native_order_before_its_code_is_known(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    control.faults(notify={"early": 1})
    order, _ = created(merchant, "native", notify_url=receiver.url)
    assert len(receiver.received) == 1
    paid = merchant.query(order["out_trade_no"]).json
    assert (paid["trade_state"], paid["payer"]) == ("SUCCESS", {"openid": merchant.credentials["openid"]})


def test_a_crafted_notification_of_an_unopened_order_names_the_usual_buyer(
    control: Control, merchant: Merchant, receiver: Receiver
) -> None:
    order, _ = created(merchant, "native", notify_url=receiver.url)
    control.post("/wechat/notify", out_trade_no=order["out_trade_no"])
    told = merchant.opened(receiver.wait_for(1)[0].json["resource"]).decode()
    assert merchant.credentials["openid"] in told
    assert merchant.query(order["out_trade_no"]).json["trade_state"] == "NOTPAY"


@pytest.mark.parametrize("method", ["app", "native", "h5"])
def test_refunds_go_back_to_whoever_paid(control: Control, merchant: Merchant, method: str) -> None:
    order, _ = created(merchant, method)
    control.post("/wechat/buyer/pay", out_trade_no=order["out_trade_no"], openid="oFirstBuyer00000000000000001")
    refund = merchant.refund_of(order, 990)
    assert merchant.refund(refund).status == 200
    ended = control.post("/wechat/refunds/finish", out_refund_no=refund["out_refund_no"], status="SUCCESS")
    assert ended["status"] == "SUCCESS"
    assert control.get("/wechat/book")["balance"] == 1000


@pytest.mark.parametrize(
    "wish", [{"without": ["qr"]}, {"without": "h5"}, {"userpaying": "200"}, {"h5_domain": 1}, {"h5_local_ip": "yes"}]
)
def test_unreadable_terms_are_refused_whole(control: Control, wish: dict[str, Any]) -> None:
    before = control.get("/wechat/merchants")
    assert control.ask("PUT", "/wechat/merchants", wish | {"signing": "certificate"}).json["code"] == "wish_unreadable"
    assert control.get("/wechat/merchants") == before


def test_reset_grants_every_product_again(control: Control, merchant: Merchant) -> None:
    control.put("/wechat/merchants", without=["native"], userpaying="state", h5_domain="shop.example", h5_local_ip=True)
    control.post("/reset")
    listed = control.get("/wechat/merchants")["merchants"][0]
    assert (listed["without"], listed["userpaying"], listed["h5_domain"]) == ([], "code", None)
    assert listed["h5_local_ip"] is False
