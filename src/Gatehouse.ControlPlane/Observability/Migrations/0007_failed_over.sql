-- Attempts at this target that failed in calls which another target, or the cache, ended.
ALTER TABLE observability_traffic ADD COLUMN failed_over BIGINT NOT NULL DEFAULT 0;
