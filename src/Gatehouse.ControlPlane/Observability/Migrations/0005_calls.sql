-- What many calls have in common, so that the row of each is short. Each shape belongs to one node, which gives out its number.
-- '' stands for "none" in provider, model, answered_model, error_code, finish_reason, service_tier, price_revision and price.
CREATE TABLE observability_call_shape (
    number BIGINT NOT NULL PRIMARY KEY,
    node TEXT NOT NULL,
    team_id UUID NOT NULL,
    system_id UUID NOT NULL,
    key_id UUID NOT NULL,
    environment TEXT NOT NULL,
    surface TEXT NOT NULL,
    route TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    answered_model TEXT NOT NULL,
    streamed BOOLEAN NOT NULL,
    status BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    error_code TEXT NOT NULL,
    finish_reason TEXT NOT NULL,
    service_tier TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    price_revision TEXT NOT NULL,
    price TEXT NOT NULL,
    configuration_revision TEXT NOT NULL
) /*sqlite: WITHOUT ROWID*/;

-- One row per call, kept for good: what is its own. Ids are in time order, so this one tree grows at its end.
-- request_id and trace_id are NULL where Gatehouse made them: 'req_' and the id's 32 digits, and these digits.
CREATE TABLE observability_call (
    id UUID NOT NULL PRIMARY KEY,
    shape BIGINT NOT NULL,
    started_at BIGINT NOT NULL,
    recorded_at BIGINT NOT NULL,
    duration_micros BIGINT NOT NULL,
    first_byte_micros BIGINT NULL,
    own_micros BIGINT NOT NULL,
    uncached_input_tokens BIGINT NULL,
    cache_read_tokens BIGINT NULL,
    cache_write_tokens BIGINT NULL,
    cache_write_long_tokens BIGINT NULL,
    output_tokens BIGINT NULL,
    reasoning_tokens BIGINT NULL,
    audio_input_tokens BIGINT NULL,
    image_input_tokens BIGINT NULL,
    audio_output_tokens BIGINT NULL,
    cost_nanos BIGINT NULL,
    charged_nanos BIGINT NULL,
    first_cost_nanos BIGINT NULL,
    repriced_at BIGINT NULL,
    trace_pack BIGINT NULL,
    request_id TEXT NULL,
    trace_id TEXT NULL,
    error_message TEXT NULL,
    end_user TEXT NULL,
    earlier_targets TEXT NULL
) /*sqlite: WITHOUT ROWID*/;

CREATE INDEX observability_call_shape_move ON observability_call_shape (key_id, system_id, status);

INSERT INTO observability_call_shape
SELECT ROW_NUMBER() OVER (), d.* FROM (
    SELECT DISTINCT node, team_id, system_id, key_id, environment, surface, route, COALESCE(provider, ''), COALESCE(model, ''),
        COALESCE(answered_model, ''), streamed, status, outcome, COALESCE(error_code, ''), COALESCE(finish_reason, ''),
        COALESCE(service_tier, ''), attempts, COALESCE(price_revision, ''), COALESCE(price, ''), configuration_revision
    FROM observability_ledger) d;

INSERT INTO observability_call
SELECT l.id, s.number, l.started_at, l.recorded_at, l.duration_micros, l.first_byte_micros, l.own_micros, l.uncached_input_tokens,
    l.cache_read_tokens, l.cache_write_tokens, l.cache_write_long_tokens, l.output_tokens, l.reasoning_tokens, l.audio_input_tokens,
    l.image_input_tokens, l.audio_output_tokens, l.cost_nanos, l.charged_nanos, l.first_cost_nanos, l.repriced_at, NULL, l.request_id,
    l.trace_id, l.error_message, l.end_user, l.earlier_targets
FROM observability_ledger l
JOIN observability_call_shape s ON s.key_id = l.key_id AND s.system_id = l.system_id AND s.status = l.status AND s.node = l.node
    AND s.team_id = l.team_id AND s.environment = l.environment AND s.surface = l.surface AND s.route = l.route
    AND s.provider = COALESCE(l.provider, '') AND s.model = COALESCE(l.model, '') AND s.answered_model = COALESCE(l.answered_model, '')
    AND s.streamed = l.streamed AND s.outcome = l.outcome AND s.error_code = COALESCE(l.error_code, '')
    AND s.finish_reason = COALESCE(l.finish_reason, '') AND s.service_tier = COALESCE(l.service_tier, '') AND s.attempts = l.attempts
    AND s.price_revision = COALESCE(l.price_revision, '') AND s.price = COALESCE(l.price, '')
    AND s.configuration_revision = l.configuration_revision;

DROP TABLE observability_ledger;
DROP INDEX observability_call_shape_move;
CREATE INDEX observability_call_request ON observability_call (request_id) WHERE request_id IS NOT NULL;
CREATE INDEX observability_call_trace ON observability_call (trace_id) WHERE trace_id IS NOT NULL;

-- Who follows calls looks at the newest ids; a call that took longer than this minute is found here.
CREATE INDEX observability_call_long ON observability_call (recorded_at) WHERE duration_micros > 60000000;

-- The ledger as everybody reads it. CROSS JOIN: SQLite must go through the calls and look their shapes up, never the other way round.
CREATE VIEW observability_ledger AS
SELECT c.id, s.team_id, s.system_id, s.key_id, s.environment, s.node, c.request_id, c.trace_id, s.surface, s.route,
    NULLIF(s.provider, '') AS provider, NULLIF(s.model, '') AS model, NULLIF(s.answered_model, '') AS answered_model, s.streamed, s.status,
    s.outcome, NULLIF(s.error_code, '') AS error_code, c.error_message, NULLIF(s.finish_reason, '') AS finish_reason,
    c.uncached_input_tokens, c.cache_read_tokens, c.cache_write_tokens, c.cache_write_long_tokens, c.output_tokens, c.reasoning_tokens,
    c.audio_input_tokens, c.image_input_tokens, c.audio_output_tokens, c.cost_nanos, c.charged_nanos, c.first_cost_nanos, c.repriced_at,
    NULLIF(s.price_revision, '') AS price_revision, NULLIF(s.price, '') AS price, s.configuration_revision, c.started_at,
    c.duration_micros, c.first_byte_micros, c.own_micros, s.attempts, c.recorded_at, c.earlier_targets, c.end_user,
    NULLIF(s.service_tier, '') AS service_tier, c.shape, c.trace_pack
FROM observability_call c CROSS JOIN observability_call_shape s
WHERE s.number = c.shape;

-- The traces of many calls that live equally long, in one binary document (TracePack). observability_trace keeps those from before.
CREATE TABLE observability_trace_pack (
    node TEXT NOT NULL,
    number BIGINT NOT NULL,
    retention_days BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    document BYTEA NOT NULL,
    PRIMARY KEY (node, number));

CREATE INDEX observability_trace_pack_expires ON observability_trace_pack (expires_at);

-- How many packs a node has made: the number of its last.
ALTER TABLE observability_journal ADD COLUMN packs BIGINT NOT NULL DEFAULT 0;
