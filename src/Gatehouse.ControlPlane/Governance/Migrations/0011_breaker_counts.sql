-- What each node counted for the circuit breakers of systems within their windows: all nodes add up the others'. A row for the sums
-- (fingerprint 0), and one for each request or call of a tool that a node saw more than once. Counts of another generation than a breaker's
-- last change are void.
CREATE TABLE governance_breaker_count (
    team_id UUID NOT NULL,
    system_id UUID NOT NULL,
    environment TEXT NOT NULL,
    name TEXT NOT NULL,
    node TEXT NOT NULL,
    fingerprint BIGINT NOT NULL,
    calls BIGINT NOT NULL,
    amount BIGINT NOT NULL,
    generation BIGINT NOT NULL,
    counted_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, system_id, environment, name, node, fingerprint));
