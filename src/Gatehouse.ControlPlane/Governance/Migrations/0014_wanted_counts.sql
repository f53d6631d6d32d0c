-- Counts of which calls of a node wait for more than is free: the others give back what they hold and do not need at once.
CREATE TABLE governance_wanted (
    rule_id UUID NOT NULL,
    measure TEXT NOT NULL,
    subject TEXT NOT NULL,
    from_at BIGINT NOT NULL,
    until_at BIGINT NOT NULL,
    node TEXT NOT NULL,
    run BIGINT NOT NULL,
    PRIMARY KEY (rule_id, measure, subject, from_at, node, run));
