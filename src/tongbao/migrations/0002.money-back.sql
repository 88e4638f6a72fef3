-- Money back: refunds, what is out of the ordinary, and what we asked gateways.

-- What comes in after an order was closed: `return` it, or `revive` the order.
ALTER TABLE merchants ADD COLUMN late_payment text NOT NULL DEFAULT 'return' CHECK (late_payment IN ('return', 'revive'));

ALTER TABLE attempts
    -- What the gateway says it collected, where that is not what was asked for: of a held attempt.
    ADD COLUMN received_amount bigint CHECK (received_amount > 0),
    -- Asked to go back, or gone back. Raised by conditional update only, so that no two refunds take the same money. It has
    -- no upper CHECK: should a gateway ever return too much, that must be written down (`check-books` names it), not refused.
    ADD COLUMN refunded bigint NOT NULL DEFAULT 0 CHECK (refunded >= 0),
    ADD COLUMN return_at timestamptz;      -- when a surplus is to be sent back; null once a refund has it in hand
CREATE INDEX attempts_return ON attempts (return_at) WHERE return_at IS NOT NULL;

-- Money going back -----------------------------------------------------------------------------------------------------

CREATE TABLE refunds (
    merchant_id       text NOT NULL,
    refund_id         text NOT NULL,         -- its number at the gateway, the same on every try
    reference         text NOT NULL,
    content_hash      bytea NOT NULL,
    order_id          text NOT NULL,
    attempt_id        text NOT NULL,
    account_id        text NOT NULL,
    channel           text NOT NULL,
    origin            text NOT NULL CHECK (origin IN ('merchant', 'surplus')),
    amount            bigint NOT NULL CHECK (amount > 0),
    payment_amount    bigint NOT NULL,       -- what the payment collected in all: gateways want to hear it again
    currency          text NOT NULL,
    reason            text NOT NULL,
    items             jsonb NOT NULL,
    notify_url        text NOT NULL,
    state             text NOT NULL CHECK (state IN ('requested', 'sent', 'succeeded', 'closed', 'abnormal')),
    state_reason      text,                  -- why it is closed, abnormal or not sent yet: a code
    version           integer NOT NULL DEFAULT 1,
    in_doubt          boolean NOT NULL DEFAULT false,  -- a try of it was not answered: it may have been taken on
    gateway_refund_id text,
    created_at        timestamptz NOT NULL,
    sent_at           timestamptz,
    settled_at        timestamptz,
    refunded_at       timestamptz,           -- the gateway's own word for when the money arrived
    ask_at            timestamptz,           -- when it is sent or asked about next; null once the answer is final
    asked             integer NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, refund_id),
    CONSTRAINT refunds_reference UNIQUE (reference, merchant_id),
    FOREIGN KEY (merchant_id, order_id) REFERENCES orders,
    FOREIGN KEY (merchant_id, attempt_id) REFERENCES attempts
);
CREATE INDEX refunds_by_order ON refunds (order_id, merchant_id);
CREATE INDEX refunds_ask ON refunds (ask_at) WHERE ask_at IS NOT NULL;

ALTER TABLE notices ADD COLUMN refund_id text;
-- A notice that was not proven is nobody's: those that came while an order waited may have been about it.
CREATE INDEX notices_unproven ON notices (received_at, merchant_id) WHERE attempt_id IS NULL;
CREATE INDEX notices_by_refund ON notices (refund_id, merchant_id) WHERE refund_id IS NOT NULL;

-- What is out of the ordinary and must be closed by a person or a policy -------------------------------------------------

CREATE TABLE cases (
    merchant_id text NOT NULL REFERENCES merchants,
    case_id     text NOT NULL,
    kind        text NOT NULL,
    key         text NOT NULL,               -- what it is the case of: once per key
    order_id    text NOT NULL,
    attempt_id  text,
    refund_id   text,
    detail      jsonb NOT NULL,              -- what a person needs to know to decide
    status      text NOT NULL CHECK (status IN ('open', 'closed')),
    version     integer NOT NULL DEFAULT 1,
    opened_at   timestamptz NOT NULL,
    due_at      timestamptz NOT NULL,        -- by when it should be closed
    closed_at   timestamptz,
    closed_by   text,                        -- a person's name, or the policy that closed it
    resolution  text,
    PRIMARY KEY (merchant_id, case_id),
    CONSTRAINT cases_key UNIQUE (key, merchant_id)
);
CREATE INDEX cases_by_id ON cases (case_id);
CREATE INDEX cases_by_order ON cases (order_id, merchant_id);

CREATE TABLE case_entries (
    merchant_id text NOT NULL,
    case_id     text NOT NULL,
    entry_id    text NOT NULL,
    at          timestamptz NOT NULL,
    who         text NOT NULL,
    what        text NOT NULL,               -- opened, noted, closed
    note        text NOT NULL,
    PRIMARY KEY (merchant_id, case_id, entry_id),
    FOREIGN KEY (merchant_id, case_id) REFERENCES cases
);

-- What we asked gateways, and what came of it: so that an order's story can be told ---------------------------------------

CREATE TABLE calls (
    merchant_id text NOT NULL REFERENCES merchants,
    call_id     text NOT NULL,
    order_id    text NOT NULL,
    attempt_id  text,
    refund_id   text,
    verb        text NOT NULL,               -- prepare, query, close, refund, query_refund, redirect_refund
    outcome     text NOT NULL,               -- answered, rejected, unavailable, uncertain, untrusted
    code        text NOT NULL,               -- the state that was answered, or the error's own code
    detail      text NOT NULL,
    asked_at    timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, call_id)
);
CREATE INDEX calls_by_order ON calls (order_id, merchant_id);
CREATE INDEX calls_by_time ON calls (asked_at, merchant_id);
