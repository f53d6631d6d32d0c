CREATE TABLE governance_review (
    team_id UUID NOT NULL,
    id UUID NOT NULL,
    system_id UUID NOT NULL,
    environment TEXT NOT NULL,
    state TEXT NOT NULL,
    holds BOOLEAN NOT NULL,
    passes_on_timeout BOOLEAN NOT NULL,
    policy TEXT NOT NULL,
    policy_revision TEXT NOT NULL,
    rule TEXT NOT NULL,
    side TEXT NOT NULL,
    findings TEXT NOT NULL,
    texts BYTEA,
    texts_until BIGINT NOT NULL,
    call_id UUID NOT NULL,
    request_id TEXT NOT NULL,
    route TEXT NOT NULL,
    node TEXT NOT NULL,
    asked_at BIGINT NOT NULL,
    due_at BIGINT,
    ended_at BIGINT,
    passed BOOLEAN,
    person TEXT,
    note TEXT,
    label TEXT,
    PRIMARY KEY (team_id, id));

CREATE UNIQUE INDEX governance_review_id ON governance_review (id);
CREATE INDEX governance_review_state ON governance_review (state, node);
CREATE INDEX governance_review_call ON governance_review (call_id);

CREATE TABLE governance_incident (
    team_id UUID NOT NULL,
    id UUID NOT NULL,
    system_id UUID NOT NULL,
    environment TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    policy TEXT NOT NULL,
    watch TEXT NOT NULL,
    action TEXT NOT NULL,
    threshold DOUBLE PRECISION NOT NULL,
    observed DOUBLE PRECISION NOT NULL,
    openings BIGINT NOT NULL,
    opened_at BIGINT NOT NULL,
    reopened_at BIGINT NOT NULL,
    mitigated_at BIGINT,
    closed_at BIGINT,
    closed_by TEXT,
    note TEXT,
    PRIMARY KEY (team_id, id));

CREATE UNIQUE INDEX governance_incident_id ON governance_incident (id);
CREATE INDEX governance_incident_open ON governance_incident (system_id, environment, name);

CREATE TABLE governance_breaker (
    team_id UUID NOT NULL,
    system_id UUID NOT NULL,
    environment TEXT NOT NULL,
    name TEXT NOT NULL,
    is_open BOOLEAN NOT NULL,
    until_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, system_id, environment, name));
