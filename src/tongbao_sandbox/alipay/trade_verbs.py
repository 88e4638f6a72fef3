"""The verbs of trades (protocol 4.4 to 4.12)."""

from __future__ import annotations

from collections.abc import Mapping

from tongbao_sandbox.alipay import answers, errors, fields
from tongbao_sandbox.alipay.asking import Asked, Reply, Verb
from tongbao_sandbox.alipay.buyer import Buyer
from tongbao_sandbox.alipay.counter import FAILS, PAYS, PaymentCodes
from tongbao_sandbox.alipay.credentials import App, Person, someone
from tongbao_sandbox.alipay.fields import CREATE, PAY, PRECREATE
from tongbao_sandbox.alipay.refunding import Refunds
from tongbao_sandbox.alipay.telling import Deadlines, Teller
from tongbao_sandbox.alipay.trades import Trades
from tongbao_sandbox.clock import Clock


class TradeVerbs:
    """Creates trades, pays them at the counter, and tells how they stand."""

    def __init__(
        self,
        clock: Clock,
        apps: Mapping[str, App],
        book_of_trades: Trades,
        refunds: Refunds,
        codes: PaymentCodes,
        buyer: Buyer,
        teller: Teller,
        deadlines: Deadlines,
    ) -> None:
        self._clock = clock
        self._apps = apps
        self._trades = book_of_trades
        self._refunds = refunds
        self._codes = codes
        self._buyer = buyer
        self._teller = teller
        self._deadlines = deadlines
        self.verbs: Mapping[str, Verb] = {
            CREATE: self._create,
            PAY: self._pay,
            PRECREATE: self._precreate,
            "alipay.trade.query": self._query,
            "alipay.trade.close": self._close,
            "alipay.trade.cancel": self._cancel,
            "alipay.trade.refund": self._refund,
            "alipay.trade.fastpay.refund.query": self._refund_query,
        }

    def _create(self, asked: Asked) -> Reply:
        draft = asked.draft(self._apps)
        trade = self._trades.create(draft, self._clock.now(), self._payer(asked).open_id)
        self._deadlines.watch(trade)
        return Reply(answers.numbers(trade), run_ahead=lambda: self._buyer.pay_at_once(trade))

    def _precreate(self, asked: Asked) -> Reply:
        draft = asked.draft(self._apps)
        code = self._trades.offer(draft, self._clock.now())
        members = {"out_trade_no": draft.out_trade_no, "qr_code": code}
        return Reply(members, run_ahead=lambda: self._buyer.scan_at_once(draft))

    def _pay(self, asked: Asked) -> Reply:
        draft, now = asked.draft(self._apps), self._clock.now()
        if self._trades.known(draft.app_id, draft.out_trade_no):
            self._trades.create(draft, now)
        auth_code = asked.params["auth_code"]
        if auth_code.startswith("fp") != (asked.params.get("scene") == "security_code"):
            raise errors.business("ACQ.PAYMENT_AUTH_CODE_INVALID")
        code = self._codes.use(auth_code, f"{draft.app_id}/{draft.out_trade_no}")
        person = someone(self._apps.values(), asked.app, code.user_id)
        assert person is not None
        trade = self._trades.create(draft, now, person.open_id)
        if trade.buyer not in (None, person.open_id):
            raise errors.business("ACQ.TRADE_BUYER_NOT_MATCH")
        self._deadlines.watch(trade)
        if code.behaviour == FAILS:
            raise errors.business("ACQ.BUYER_BALANCE_NOT_ENOUGH", answers.numbers(trade))
        if code.behaviour != PAYS:
            trade.waits = True
            return Reply(answers.paid(asked.app, trade), code="10003")
        posts = self._buyer.settle(trade, person.open_id)
        return Reply(answers.paid(asked.app, trade), run_ahead=lambda: posts)

    def _query(self, asked: Asked) -> Reply:
        fields.check_trade(asked.params)
        trade = self._trades.find(asked.app.app_id, asked.params)
        return Reply(answers.query(asked.app, trade, self._clock.now(), asked.params.get("query_options") or ()))

    def _close(self, asked: Asked) -> Reply:
        fields.check_trade(asked.params)
        trade = self._trades.find(asked.app.app_id, asked.params)
        self._trades.close(trade, self._clock.now())
        if asked.notify_url:
            self._teller.tell(trade, url=asked.notify_url)
        return Reply(answers.numbers(trade))

    def _cancel(self, asked: Asked) -> Reply:
        """Of a trade there is not it says nothing: then there is no `action`."""
        fields.check_trade(asked.params)
        try:
            trade = self._trades.find(asked.app.app_id, asked.params)
        except errors.Refusal:
            return Reply({"out_trade_no": asked.params.get("out_trade_no") or "", "retry_flag": "N"})
        action = self._trades.cancel(trade, self._clock.now())
        if action == "refund" and trade.left:
            self._refunds.begin(trade, f"{trade.out_trade_no}_cancel"[-64:], trade.left, "")
        return Reply({**answers.numbers(trade), "action": action, "retry_flag": "N"})

    def _refund(self, asked: Asked) -> Reply:
        fields.check_refund(asked.params)
        trade = self._trades.find(asked.app.app_id, asked.params)
        before = trade.refunded
        refund, posts = self._refunds.request(asked.app, trade, asked.params)
        members = answers.refunded(asked.app, trade, refund, moved=trade.refunded > before)
        return Reply(members, run_ahead=lambda: posts)

    def _refund_query(self, asked: Asked) -> Reply:
        fields.check_refund_query(asked.params)
        trade = self._trades.find(asked.app.app_id, asked.params)
        refund = trade.refund(asked.params["out_request_no"])
        return Reply(answers.refund_query(trade, refund, asked.params.get("query_options") or []))

    def _payer(self, asked: Asked) -> Person:
        """Who is to pay: `buyer_id` is a user_id and nothing else, `buyer_open_id` an open_id. Raises Refusal."""
        params = asked.params
        open_id = params.get("buyer_open_id") or params.get("op_buyer_open_id")
        if not open_id:
            person = someone(self._apps.values(), asked.app, params["buyer_id"])
        else:
            person = asked.app.person(open_id)
        if person is None or (open_id and person.open_id != open_id):
            seller = params.get("buyer_id") == asked.app.seller_id
            raise errors.business("ACQ.BUYER_SELLER_EQUAL" if seller else "ACQ.BUYER_NOT_EXIST")
        return person
