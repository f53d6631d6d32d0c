-- is_other: the sums have these calls under '(other)' in place of the name that they asked for (CallerNames).
ALTER TABLE observability_call_shape ADD COLUMN is_other BOOLEAN NOT NULL DEFAULT FALSE;

DROP VIEW observability_ledger;

CREATE VIEW observability_ledger AS
SELECT c.id, s.team_id, s.system_id, s.key_id, s.environment, s.node, c.request_id, c.trace_id, s.surface, s.route,
    NULLIF(s.provider, '') AS provider, NULLIF(s.model, '') AS model, NULLIF(s.answered_model, '') AS answered_model, s.streamed, s.status,
    s.outcome, NULLIF(s.error_code, '') AS error_code, c.error_message, NULLIF(s.finish_reason, '') AS finish_reason,
    c.uncached_input_tokens, c.cache_read_tokens, c.cache_write_tokens, c.cache_write_long_tokens, c.output_tokens, c.reasoning_tokens,
    c.audio_input_tokens, c.image_input_tokens, c.audio_output_tokens, c.cost_nanos, c.charged_nanos, c.first_cost_nanos, c.repriced_at,
    NULLIF(s.price_revision, '') AS price_revision, NULLIF(s.price, '') AS price, s.configuration_revision, c.started_at,
    c.duration_micros, c.first_byte_micros, c.own_micros, s.attempts, c.recorded_at, c.earlier_targets, c.end_user,
    NULLIF(s.service_tier, '') AS service_tier, c.shape, c.trace_pack, NULLIF(s.cache, '') AS cache,
    c.saved_nanos, c.saved_input_tokens, c.saved_output_tokens, NULLIF(s.guard_verdict, '') AS guard_verdict, s.is_other
FROM observability_call c CROSS JOIN observability_call_shape s
WHERE s.number = c.shape;
