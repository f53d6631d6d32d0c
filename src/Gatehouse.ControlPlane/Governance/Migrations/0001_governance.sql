CREATE TABLE governance_revision (
    id BIGINT PRIMARY KEY,
    revision BIGINT NOT NULL,
    secret_check TEXT);

INSERT INTO governance_revision (id, revision) VALUES (1, 1);

CREATE TABLE governance_team (
    id UUID PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL);

CREATE TABLE governance_system (
    team_id UUID NOT NULL REFERENCES governance_team (id),
    id UUID NOT NULL,
    name TEXT NOT NULL,
    purpose TEXT NOT NULL,
    owner TEXT NOT NULL,
    stage TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (team_id, id),
    UNIQUE (team_id, name));

CREATE INDEX governance_system_id ON governance_system (id);

CREATE TABLE governance_policy (
    team_id UUID NOT NULL,
    system_id UUID NOT NULL,
    environment TEXT NOT NULL,
    store_content BOOLEAN NOT NULL,
    retention_days BIGINT NOT NULL,
    PRIMARY KEY (team_id, system_id, environment),
    FOREIGN KEY (team_id, system_id) REFERENCES governance_system (team_id, id));

CREATE TABLE governance_key (
    team_id UUID NOT NULL,
    id UUID NOT NULL,
    system_id UUID NOT NULL,
    environment TEXT NOT NULL,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash BYTEA NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT,
    PRIMARY KEY (team_id, id),
    FOREIGN KEY (team_id, system_id) REFERENCES governance_system (team_id, id));

CREATE INDEX governance_key_id ON governance_key (id);
CREATE INDEX governance_key_system ON governance_key (team_id, system_id);

CREATE TABLE governance_person (
    id UUID PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    local BOOLEAN NOT NULL,
    password_hash TEXT,
    stamp TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_seen_at BIGINT);

CREATE TABLE governance_membership (
    person_id UUID NOT NULL REFERENCES governance_person (id) ON DELETE CASCADE,
    team_id UUID REFERENCES governance_team (id),
    role TEXT NOT NULL);

CREATE INDEX governance_membership_person ON governance_membership (person_id);

CREATE TABLE governance_token (
    id UUID PRIMARY KEY,
    person_id UUID NOT NULL REFERENCES governance_person (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash BYTEA NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT);

CREATE INDEX governance_token_person ON governance_token (person_id);

CREATE TABLE governance_link (
    hash BYTEA PRIMARY KEY,
    person_id UUID REFERENCES governance_person (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL);

CREATE TABLE governance_attempt (
    subject TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    failed_at BIGINT NOT NULL,
    locked_until_at BIGINT);

CREATE INDEX governance_attempt_failed ON governance_attempt (failed_at);

CREATE TABLE governance_audit (
    id UUID PRIMARY KEY,
    made_at BIGINT NOT NULL,
    person_id UUID,
    person TEXT NOT NULL,
    action TEXT NOT NULL,
    team_id UUID,
    subject TEXT NOT NULL,
    subject_id UUID,
    detail TEXT NOT NULL);

CREATE INDEX governance_audit_team ON governance_audit (team_id, id);
