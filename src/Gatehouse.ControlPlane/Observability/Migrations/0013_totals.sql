-- Sums of a team, an environment and an outcome for each quarter of an hour, hour, quarter of a day and day that is over: what charts of all
-- traffic show (ClosedTotals). Complete where observability_traffic_closed has the bucket with the step -1 - step_seconds.
CREATE TABLE observability_traffic_total (
    step_seconds BIGINT NOT NULL,
    bucket_at BIGINT NOT NULL,
    team_id UUID NOT NULL,
    environment TEXT NOT NULL,
    outcome TEXT NOT NULL,
    calls BIGINT NOT NULL,
    unpriced_calls BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    cached_calls BIGINT NOT NULL,
    saved_nanos BIGINT NOT NULL,
    saved_tokens BIGINT NOT NULL,
    failed_over BIGINT NOT NULL,
    duration_histogram BYTEA NOT NULL,
    own_histogram BYTEA NOT NULL,
    PRIMARY KEY (step_seconds, bucket_at, team_id, environment, outcome)
) /*sqlite: WITHOUT ROWID*/;

-- Calls that the sums have under another name, newest first: a page of them costs what a page costs.
CREATE INDEX observability_call_outside_id ON observability_call (id) WHERE outside_shape IS NOT NULL;
