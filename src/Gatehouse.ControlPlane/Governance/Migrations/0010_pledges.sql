-- pledged: up to where the node will use what it was granted before it tells so again. What is granted beyond is free when the node dies.
ALTER TABLE governance_lease ADD COLUMN pledged BIGINT NOT NULL DEFAULT 0;
