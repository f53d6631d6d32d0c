CREATE TABLE governance_switch (
    id UUID NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    team_id UUID,
    reason TEXT NOT NULL,
    person TEXT NOT NULL,
    made_at BIGINT NOT NULL,
    PRIMARY KEY (kind, subject));

ALTER TABLE governance_system ADD COLUMN residency TEXT;
ALTER TABLE governance_system ADD COLUMN data_classification TEXT;
