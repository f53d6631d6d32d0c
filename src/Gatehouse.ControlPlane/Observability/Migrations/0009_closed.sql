-- Hours are over some time: what they sum up to per 6 hours and per day, and minutes per quarter of an hour, is then added up once, in rows
-- of observability_traffic that belong to no node. This table says which of these are complete. A call that comes late takes them out again.
CREATE TABLE observability_traffic_closed (
    step_seconds BIGINT NOT NULL,
    bucket_at BIGINT NOT NULL,
    PRIMARY KEY (step_seconds, bucket_at)
) /*sqlite: WITHOUT ROWID*/;
