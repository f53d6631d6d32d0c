-- Which hours and days have calls of a name, without the wide rows of their sums. Steps stand literally in what uses it.
CREATE INDEX observability_traffic_names ON observability_traffic (step_seconds, bucket_at, route, provider, model, outcome, error_code,
    system_id, environment, team_id)
WHERE step_seconds >= 3600;

-- outside_shape: the shape again, of calls that the sums have under another name than the one asked for; NULL of all others. So the few calls
-- of a name that nobody knows are found among millions.
ALTER TABLE observability_call ADD COLUMN outside_shape BIGINT NULL;
UPDATE observability_call SET outside_shape = shape WHERE shape IN (
    SELECT number FROM observability_call_shape WHERE is_other OR (status = 404 AND outcome <> 'ok' AND (model = '' OR model = route)));
CREATE INDEX observability_call_outside ON observability_call (outside_shape, id) WHERE outside_shape IS NOT NULL;
CREATE INDEX observability_call_shape_route ON observability_call_shape (route);

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
    c.saved_nanos, c.saved_input_tokens, c.saved_output_tokens, NULLIF(s.guard_verdict, '') AS guard_verdict, s.is_other,
    c.outside_shape
FROM observability_call c CROSS JOIN observability_call_shape s
WHERE s.number = c.shape;
