-- Calls of the node wait for more than is free: the others give back what they hold of the count and do not need at once.
ALTER TABLE governance_lease ADD COLUMN wanted BOOLEAN NOT NULL DEFAULT FALSE;

CREATE INDEX governance_lease_wanted ON governance_lease (node) WHERE wanted;
