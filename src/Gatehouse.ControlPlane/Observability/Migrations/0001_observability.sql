-- One row per call, kept for good. Tokens are in disjoint buckets; all six are NULL when the provider reported no usage.
CREATE TABLE observability_ledger (
    team_id UUID NOT NULL,
    id UUID NOT NULL,
    system_id UUID NOT NULL,
    key_id UUID NOT NULL,
    environment TEXT NOT NULL,
    node TEXT NOT NULL,
    request_id TEXT NOT NULL,
    trace_id TEXT NOT NULL,
    surface TEXT NOT NULL,
    route TEXT NOT NULL,
    provider TEXT NULL,
    model TEXT NULL,
    answered_model TEXT NULL,
    streamed BOOLEAN NOT NULL,
    status BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    error_code TEXT NULL,
    error_message TEXT NULL,
    finish_reason TEXT NULL,
    uncached_input_tokens BIGINT NULL,
    cache_read_tokens BIGINT NULL,
    cache_write_tokens BIGINT NULL,
    cache_write_long_tokens BIGINT NULL,
    output_tokens BIGINT NULL,
    reasoning_tokens BIGINT NULL,
    cost_nanos BIGINT NULL,
    price_revision TEXT NULL,
    price TEXT NULL,
    configuration_revision TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    duration_micros BIGINT NOT NULL,
    first_byte_micros BIGINT NULL,
    own_micros BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, id)
);

CREATE INDEX observability_ledger_id ON observability_ledger (id);
CREATE INDEX observability_ledger_system ON observability_ledger (system_id, id);
CREATE INDEX observability_ledger_trouble ON observability_ledger (id) WHERE outcome <> 'ok';
CREATE INDEX observability_ledger_request ON observability_ledger (request_id);
CREATE INDEX observability_ledger_trace ON observability_ledger (trace_id);
CREATE INDEX observability_ledger_recorded ON observability_ledger (recorded_at);

-- What only the trace needs: attempts, dropped parameters, span ids, request attributes, as one JSON document.
CREATE TABLE observability_trace (
    call_id UUID NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX observability_trace_expires ON observability_trace (expires_at);

-- Prompt and answer, only where a policy stores them.
CREATE TABLE observability_text (
    call_id UUID NOT NULL PRIMARY KEY,
    request TEXT NOT NULL,
    response TEXT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX observability_text_expires ON observability_text (expires_at);

-- How far each node's journal has been taken into the tables above, moved in the same transaction as their rows.
CREATE TABLE observability_journal (
    node TEXT NOT NULL PRIMARY KEY,
    segment BIGINT NOT NULL,
    byte_offset BIGINT NOT NULL
);

-- Sums per minute and per hour. Each row is written by one node only, so nodes never wait for each other.
-- provider, model and error_code are '' where the call has none.
CREATE TABLE observability_traffic (
    team_id UUID NOT NULL,
    step_seconds BIGINT NOT NULL,
    bucket_at BIGINT NOT NULL,
    system_id UUID NOT NULL,
    environment TEXT NOT NULL,
    route TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    outcome TEXT NOT NULL,
    error_code TEXT NOT NULL,
    node TEXT NOT NULL,
    calls BIGINT NOT NULL,
    unpriced_calls BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    duration_histogram BYTEA NOT NULL,
    own_histogram BYTEA NOT NULL,
    PRIMARY KEY (team_id, step_seconds, bucket_at, system_id, environment, route, provider, model, outcome, error_code, node)
);

CREATE INDEX observability_traffic_bucket ON observability_traffic (step_seconds, bucket_at);
