-- By how much counts were corrected downwards: runs of nodes settled that before.
ALTER TABLE governance_allowance ADD COLUMN lowered BIGINT NOT NULL DEFAULT 0;
