-- Responses that clients may ask for again and go on from. Content: kept only where the policy of system and environment says so.
CREATE TABLE observability_response (
    team_id UUID NOT NULL,
    system_id UUID NOT NULL,
    environment TEXT NOT NULL,
    id TEXT NOT NULL,
    previous_id TEXT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    refreshed_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    cancel_asked BOOLEAN NOT NULL,
    input BYTEA NOT NULL,
    response BYTEA NOT NULL,
    events BYTEA NOT NULL,
    PRIMARY KEY (team_id, system_id, environment, id));

CREATE INDEX observability_response_expires ON observability_response (expires_at);

CREATE TABLE observability_response_item (
    team_id UUID NOT NULL,
    system_id UUID NOT NULL,
    environment TEXT NOT NULL,
    item_id TEXT NOT NULL,
    response_id TEXT NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, system_id, environment, item_id));

CREATE INDEX observability_response_item_expires ON observability_response_item (expires_at);
