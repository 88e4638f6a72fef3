-- One payment, whole. `merchant_id` leads every key that belongs to a merchant, so that Citus could distribute the tables
-- as they stand. No triggers; what may only grow is kept so by grants, which hold for the owner too (never for a superuser).
-- Secondary keys end with it: on tables without statistics yet the planner takes any index that leads with `merchant_id`
-- for as good as the primary key, and reads a merchant's every row instead of one.
-- Times come from the application's clock. Amounts are integers of the currency's smallest unit (fen).

-- A gathered write says how many rows it must touch; this is what stops the whole statement when it did not.
CREATE FUNCTION expect_rows(touched bigint, wanted bigint, what text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF touched <> wanted THEN
        RAISE EXCEPTION '% touched % rows, not %', what, touched, wanted USING ERRCODE = 'serialization_failure';
    END IF;
END $$;

-- Who we collect for --------------------------------------------------------------------------------------------------

CREATE TABLE merchants (
    merchant_id text PRIMARY KEY,
    name        text NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE TABLE apps (
    merchant_id   text NOT NULL REFERENCES merchants,
    host          text NOT NULL,
    app_id        text NOT NULL,
    settings      jsonb NOT NULL,
    sealed_secret bytea NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, host, app_id)
);
CREATE INDEX apps_by_app ON apps (host, app_id);

CREATE TABLE accounts (
    merchant_id   text NOT NULL REFERENCES merchants,
    account_id    text NOT NULL,
    channel       text NOT NULL,
    merchant_number text NOT NULL,           -- the merchant's number at the gateway: never changed
    settings      jsonb NOT NULL,            -- what may be read: serials, public keys
    sealed_secret bytea NOT NULL,            -- what may not: private key, symmetric key
    platform_keys jsonb NOT NULL DEFAULT '[]',
    keys_due_at   timestamptz,               -- when the gateway's certificates are to be asked for again
    status        text NOT NULL CHECK (status IN ('active', 'disabled')),
    version       integer NOT NULL DEFAULT 1,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, account_id)
);
CREATE INDEX accounts_by_id ON accounts (account_id);
CREATE INDEX accounts_keys_due ON accounts (keys_due_at) WHERE keys_due_at IS NOT NULL;

CREATE TABLE api_keys (
    merchant_id text NOT NULL REFERENCES merchants,
    key_id      text NOT NULL,
    name        text NOT NULL,
    secret_hash bytea NOT NULL,              -- SHA-256 of the whole key: it is random, so a slow hash would buy nothing
    created_at  timestamptz NOT NULL,
    expires_at  timestamptz,
    revoked_at  timestamptz,
    PRIMARY KEY (merchant_id, key_id)
);

-- Who is paying -------------------------------------------------------------------------------------------------------

CREATE TABLE buyers (
    merchant_id text NOT NULL REFERENCES merchants,
    buyer_id    text NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, buyer_id)
);

CREATE TABLE buyer_identities (
    merchant_id   text NOT NULL,
    host          text NOT NULL,
    app_id        text NOT NULL,
    subject       text NOT NULL,             -- the host's name for the buyer under this app (openid)
    union_subject text,
    buyer_id      text NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, host, app_id, subject),
    FOREIGN KEY (merchant_id, buyer_id) REFERENCES buyers
);
CREATE INDEX buyer_identities_by_buyer ON buyer_identities (buyer_id, merchant_id);

CREATE TABLE login_codes (
    merchant_id text NOT NULL REFERENCES merchants,
    host        text NOT NULL,
    app_id      text NOT NULL,
    code_hash   bytea NOT NULL,
    used_at     timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, host, app_id, code_hash)
);

CREATE TABLE sessions (
    merchant_id        text NOT NULL,
    token_hash         bytea NOT NULL,
    buyer_id           text NOT NULL,
    host               text NOT NULL,
    app_id             text NOT NULL,
    subject            text NOT NULL,
    sealed_session_key bytea,
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, token_hash),
    FOREIGN KEY (merchant_id, buyer_id) REFERENCES buyers
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

-- Orders, and the attempts to collect them ----------------------------------------------------------------------------

CREATE TABLE orders (
    merchant_id     text NOT NULL REFERENCES merchants,
    order_id        text NOT NULL,
    reference       text NOT NULL,
    content_hash    bytea NOT NULL,          -- tells the same order sent twice from another order under the same reference
    amount          bigint NOT NULL CHECK (amount > 0),
    currency        text NOT NULL,
    subject         text NOT NULL,
    items           jsonb NOT NULL,
    metadata        jsonb NOT NULL,
    buyer_id        text,
    notify_url      text,
    status          text NOT NULL CHECK (status IN ('open', 'paid', 'closed')),
    version         integer NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    expire_due_at   timestamptz,             -- when the expiry job looks next; null once the order is final
    paid_at         timestamptz,
    paid_attempt_id text,
    closed_at       timestamptz,
    close_reason    text,
    PRIMARY KEY (merchant_id, order_id),
    CONSTRAINT orders_reference UNIQUE (reference, merchant_id)
);
CREATE INDEX orders_expire_due ON orders (expire_due_at) WHERE expire_due_at IS NOT NULL;

CREATE TABLE attempts (
    merchant_id    text NOT NULL,
    attempt_id     text NOT NULL,
    order_id       text NOT NULL,
    account_id     text NOT NULL,
    channel        text NOT NULL,
    method         text NOT NULL,
    app_id         text NOT NULL,
    payer          text,
    amount         bigint NOT NULL CHECK (amount > 0),
    currency       text NOT NULL,
    state          text NOT NULL
                   CHECK (state IN ('created', 'pending', 'succeeded', 'failed', 'closed', 'surplus', 'held')),
    version        integer NOT NULL DEFAULT 1,
    token          text,                     -- the gateway's name for the prepared payment
    token_until    timestamptz,
    transaction_id text,                     -- the gateway's name for the finished payment
    reason         text,                     -- why it failed, is held, is surplus: a code
    created_at     timestamptz NOT NULL,
    prepared_at    timestamptz,
    settled_at     timestamptz,
    paid_at        timestamptz,              -- the gateway's own word for when the buyer paid
    ask_at         timestamptz,              -- the chase: when we ask the gateway next; null once the answer is final
    asked          integer NOT NULL DEFAULT 0,
    PRIMARY KEY (merchant_id, attempt_id),
    FOREIGN KEY (merchant_id, order_id) REFERENCES orders
);
CREATE INDEX attempts_by_order ON attempts (order_id, merchant_id);
CREATE UNIQUE INDEX attempts_one_winner ON attempts (order_id, merchant_id) WHERE state = 'succeeded';
CREATE INDEX attempts_ask ON attempts (ask_at) WHERE ask_at IS NOT NULL;

-- What gateways tell us, kept with its bytes and a verdict ------------------------------------------------------------

CREATE TABLE notices (
    merchant_id text NOT NULL REFERENCES merchants,
    notice_id   text NOT NULL,
    account_id  text NOT NULL,
    received_at timestamptz NOT NULL,
    headers     jsonb NOT NULL,
    body        bytea NOT NULL,
    verdict     text NOT NULL,               -- a code: applied, repeated, held, signature_wrong, …
    detail      text NOT NULL,               -- the same in words
    attempt_id  text,
    PRIMARY KEY (merchant_id, notice_id)
);
CREATE INDEX notices_by_attempt ON notices (attempt_id, merchant_id) WHERE attempt_id IS NOT NULL;
CREATE INDEX notices_by_time ON notices (received_at, merchant_id);

-- Double entry: every movement of money, once. A posting moves one positive amount from one account to another, so it is
-- balanced or it cannot be written. -----------------------------------------------------------------------------------

CREATE TABLE postings (
    merchant_id    text NOT NULL REFERENCES merchants,
    posting_id     text NOT NULL,
    key            text NOT NULL,            -- what it is the posting of: once per key
    debit_account  text NOT NULL,
    credit_account text NOT NULL,
    amount         bigint NOT NULL CHECK (amount > 0),
    currency       text NOT NULL,
    order_id       text NOT NULL,
    attempt_id     text NOT NULL,
    posted_at      timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, posting_id),
    CONSTRAINT postings_key UNIQUE (key, merchant_id),
    CHECK (debit_account <> credit_account)
);
CREATE INDEX postings_by_order ON postings (order_id, merchant_id);
CREATE INDEX postings_by_time ON postings (posted_at, merchant_id);

CREATE TABLE seals (
    merchant_id   text NOT NULL REFERENCES merchants,
    number        bigint NOT NULL,
    previous_hash bytea NOT NULL,
    merkle_root   bytea NOT NULL,
    hash          bytea NOT NULL,
    leaves        integer NOT NULL CHECK (leaves > 0),
    through       timestamptz NOT NULL,      -- every posting up to this moment was looked at
    sealed_at     timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, number)
);

CREATE TABLE sealed_postings (
    merchant_id text NOT NULL,
    posting_id  text NOT NULL,
    seal_number bigint NOT NULL,
    leaf        integer NOT NULL,
    PRIMARY KEY (merchant_id, posting_id),
    -- No foreign keys: checking one locks the row it points to, and nobody may lock what may only grow.
    CONSTRAINT sealed_postings_leaf UNIQUE (seal_number, leaf, merchant_id)
);

-- Telling merchants what happened -------------------------------------------------------------------------------------

CREATE TABLE webhook_endpoints (
    merchant_id     text NOT NULL REFERENCES merchants,
    endpoint_id     text NOT NULL,
    url             text NOT NULL,
    sealed_secret   bytea NOT NULL,
    sealed_previous bytea,                   -- still signs beside the new one until previous_until
    previous_until  timestamptz,
    status          text NOT NULL CHECK (status IN ('active', 'disabled')),
    per_order       boolean NOT NULL DEFAULT false,  -- made for an order's own notify URL: gets that order's events only
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, endpoint_id),
    CONSTRAINT webhook_endpoints_url UNIQUE (merchant_id, url)
);
CREATE INDEX webhook_endpoints_for_all ON webhook_endpoints (merchant_id) WHERE NOT per_order;

CREATE TABLE events (
    merchant_id text NOT NULL REFERENCES merchants,
    event_id    text NOT NULL,
    type        text NOT NULL,
    order_id    text NOT NULL,
    attempt_id  text,
    change_key  text NOT NULL,               -- the state change it tells of: exactly one event each
    payload     text NOT NULL,               -- the exact bytes that are signed and sent, on every try
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, event_id),
    CONSTRAINT events_change UNIQUE (change_key, merchant_id)
);
CREATE INDEX events_by_order ON events (order_id, merchant_id);

CREATE TABLE deliveries (
    merchant_id  text NOT NULL,
    event_id     text NOT NULL,
    endpoint_id  text NOT NULL,
    state        text NOT NULL CHECK (state IN ('pending', 'delivered', 'exhausted')),
    due_at       timestamptz,                -- when it is tried next; moved on while a worker holds it; null once final
    tries        integer NOT NULL DEFAULT 0,
    created_at   timestamptz NOT NULL,
    delivered_at timestamptz,
    PRIMARY KEY (merchant_id, event_id, endpoint_id),
    FOREIGN KEY (merchant_id, endpoint_id) REFERENCES webhook_endpoints
);
CREATE INDEX deliveries_due ON deliveries (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_due_by_endpoint ON deliveries (endpoint_id, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE delivery_tries (
    merchant_id text NOT NULL,
    event_id    text NOT NULL,
    endpoint_id text NOT NULL,
    tried_at    timestamptz NOT NULL,
    status      integer,                     -- the HTTP status answered, if any
    outcome     text NOT NULL,               -- delivered, or why not, in a word
    duration_ms integer NOT NULL,
    PRIMARY KEY (merchant_id, event_id, endpoint_id, tried_at),
    FOREIGN KEY (merchant_id, event_id, endpoint_id) REFERENCES deliveries
);

-- The API's memory of what it answered --------------------------------------------------------------------------------

CREATE TABLE idempotency_keys (
    merchant_id  text NOT NULL REFERENCES merchants,
    principal    text NOT NULL,
    key          text NOT NULL,
    request_hash bytea NOT NULL,
    started_at   timestamptz NOT NULL,
    status       integer,                    -- null while the first request is in flight
    sealed_body  bytea,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, principal, key)
);
CREATE INDEX idempotency_keys_expiry ON idempotency_keys (expires_at);

-- What may only grow. The owner takes these rights from itself.
REVOKE UPDATE, DELETE, TRUNCATE ON postings, seals, sealed_postings, events FROM CURRENT_USER;
