-- What calls took, by team, provider and model as the provider names it, for each quarter of a day that is over (SpendingSums). Complete where
-- observability_traffic_closed has the bucket with the step -21600.
CREATE TABLE observability_spending (
    bucket_at BIGINT NOT NULL,
    team_id UUID NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    calls BIGINT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost_nanos BIGINT NOT NULL,
    unpriced_calls BIGINT NOT NULL,
    PRIMARY KEY (bucket_at, team_id, provider, model)
) /*sqlite: WITHOUT ROWID*/;
