CREATE TABLE governance_secret (
    name TEXT NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL,
    made_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    person TEXT NOT NULL);

CREATE TABLE governance_ring_key (
    number BIGINT NOT NULL PRIMARY KEY,
    xml TEXT NOT NULL,
    made_at BIGINT NOT NULL);
