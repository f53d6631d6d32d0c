-- text: sealed under the installation's secret, each to its own id. fingerprint: of what is labelled, so that a second look changes the first.
-- spans: what the verdict is about; others: what else is right in the text as far as anybody knows.
CREATE TABLE governance_label (
    team_id UUID NOT NULL REFERENCES governance_team (id),
    id UUID NOT NULL,
    system_id UUID,
    call_id UUID,
    detector TEXT NOT NULL,
    type TEXT NOT NULL,
    side TEXT NOT NULL,
    spans TEXT NOT NULL,
    others TEXT NOT NULL,
    verdict TEXT NOT NULL,
    source TEXT NOT NULL,
    person TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    text BYTEA NOT NULL,
    fingerprint BYTEA NOT NULL,
    PRIMARY KEY (team_id, id),
    UNIQUE (team_id, fingerprint));

CREATE INDEX governance_label_id ON governance_label (id);
CREATE INDEX governance_label_expires ON governance_label (expires_at);
