-- A guard policy that is kept here and not in a file; number: its revision, from 1. Revisions are never changed.
CREATE TABLE governance_guard_policy (
    name TEXT NOT NULL,
    number BIGINT NOT NULL,
    hash TEXT NOT NULL,
    text TEXT NOT NULL,
    note TEXT NOT NULL,
    person TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (name, number));

-- Which revision is in force; a policy without a row is not.
CREATE TABLE governance_guard_policy_force (
    name TEXT NOT NULL PRIMARY KEY,
    number BIGINT NOT NULL,
    person TEXT NOT NULL,
    changed_at BIGINT NOT NULL);

-- An accepted gap in the policy of a system. detector: NULL for all; types: empty for all. decided_at is NULL while nobody has decided.
CREATE TABLE governance_exception (
    team_id UUID NOT NULL,
    id UUID NOT NULL,
    system_id UUID NOT NULL,
    detector TEXT,
    types TEXT NOT NULL,
    until_at BIGINT NOT NULL,
    reason TEXT NOT NULL,
    requested_by_id UUID NOT NULL,
    requested_by TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    approved BOOLEAN,
    decided_by TEXT,
    decided_at BIGINT,
    decision TEXT,
    revoked_by TEXT,
    revoked_at BIGINT,
    PRIMARY KEY (team_id, id),
    FOREIGN KEY (team_id, system_id) REFERENCES governance_system (team_id, id));

CREATE INDEX governance_exception_id ON governance_exception (id);
