-- Whom it applies to: every part that is not NULL must fit. team_id NULL is all teams; end_user '*' is each end user on their own.
CREATE TABLE governance_budget (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    team_id UUID REFERENCES governance_team (id),
    system_id UUID,
    key_id UUID,
    route TEXT,
    end_user TEXT,
    period TEXT NOT NULL,
    mode TEXT NOT NULL,
    limit_nanos BIGINT NOT NULL,
    alert_percent BIGINT NOT NULL,
    unknown_price TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    recount_at BIGINT);

CREATE INDEX governance_budget_team ON governance_budget (team_id);

CREATE TABLE governance_limit (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL,
    team_id UUID REFERENCES governance_team (id),
    system_id UUID,
    key_id UUID,
    route TEXT,
    end_user TEXT,
    requests_per_minute BIGINT,
    tokens_per_minute BIGINT,
    concurrency BIGINT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL);

CREATE INDEX governance_limit_team ON governance_limit (team_id);

-- One row for each count and period. spent is what the ledger holds: moved by the transactions that write the ledger.
CREATE TABLE governance_allowance (
    rule_id UUID NOT NULL,
    measure TEXT NOT NULL,
    subject TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    spent BIGINT NOT NULL,
    unknown_calls BIGINT NOT NULL,
    PRIMARY KEY (rule_id, measure, subject, from_at));

CREATE INDEX governance_allowance_until ON governance_allowance (until_at);

-- What a run of a node holds of a count. granted, used and underway are as the node last told; settled is what the ledger took of it.
-- What is still out is granted - settled, and spent plus all that is out never passes the cap.
CREATE TABLE governance_lease (
    rule_id UUID NOT NULL,
    measure TEXT NOT NULL,
    subject TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    node TEXT NOT NULL,
    run BIGINT NOT NULL,
    granted BIGINT NOT NULL,
    used BIGINT NOT NULL,
    underway BIGINT NOT NULL,
    settled BIGINT NOT NULL,
    PRIMARY KEY (rule_id, measure, subject, from_at, node, run));

CREATE INDEX governance_lease_node ON governance_lease (node, run);
CREATE INDEX governance_lease_until ON governance_lease (until_at);

-- A node whose beat stands still is gone, and others take over what it held.
CREATE TABLE governance_node (
    node TEXT PRIMARY KEY,
    run BIGINT NOT NULL,
    beat BIGINT NOT NULL);

CREATE TABLE governance_budget_event (
    budget_id UUID NOT NULL,
    subject TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    spent_nanos BIGINT NOT NULL,
    limit_nanos BIGINT NOT NULL,
    PRIMARY KEY (budget_id, subject, from_at, kind));

CREATE INDEX governance_budget_event_made ON governance_budget_event (made_at);
