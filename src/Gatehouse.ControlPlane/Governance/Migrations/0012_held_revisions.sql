-- The revision of keys and rules by which a node lets calls in. NULL: it does not say.
ALTER TABLE governance_node ADD COLUMN revision BIGINT;
