-- The second channel and the second host.

ALTER TABLE attempts
    -- Where the buyer was when it was started: a host, `browser` or `counter`.
    ADD COLUMN host text NOT NULL DEFAULT 'wechat',
    -- What the gateway is told beside the sum, in our words: it must be the same on every try.
    ADD COLUMN options jsonb NOT NULL DEFAULT '{}',
    -- When its client parameters are prepared, or prepared anew, ahead of the tap; null where nobody asked for that.
    ADD COLUMN refresh_at timestamptz;
CREATE INDEX attempts_refresh ON attempts (refresh_at) WHERE refresh_at IS NOT NULL;

-- Where the buyer comes back to from our page or the gateway's.
ALTER TABLE orders ADD COLUMN return_url text;

-- Which of the host's names for a person the subject is: `open_id` holds under one app, `user_id` under every app.
ALTER TABLE buyer_identities ADD COLUMN kind text NOT NULL DEFAULT 'open_id' CHECK (kind IN ('open_id', 'user_id'));
ALTER TABLE sessions ADD COLUMN kind text NOT NULL DEFAULT 'open_id' CHECK (kind IN ('open_id', 'user_id'));

-- The phone number that a buyer consented to show; sealed.
ALTER TABLE buyers
    ADD COLUMN sealed_phone bytea,
    ADD COLUMN phone_at timestamptz;

-- A shop's own code on paper: whoever scans it types the sum.
CREATE TABLE static_codes (
    merchant_id text NOT NULL REFERENCES merchants,
    code_id     text NOT NULL,
    name        text NOT NULL,               -- the shop's name, as buyers see it
    subject     text NOT NULL,               -- what stands on the buyer's bill
    least       bigint NOT NULL CHECK (least > 0),
    most        bigint NOT NULL CHECK (most >= least),
    status      text NOT NULL CHECK (status IN ('active', 'disabled')),
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (merchant_id, code_id)
);
