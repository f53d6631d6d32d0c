-- Up to where minutes, and quarters of an hour, were deleted is marked by the step -60 (ClosedBuckets), because a clock that was ahead may
-- have led there: behind the last hour whose minutes are not all there.
INSERT INTO observability_traffic_closed (step_seconds, bucket_at)
SELECT -60, h.upto FROM (
    SELECT MAX(d.bucket) + 3600000000 AS upto FROM (
        SELECT bucket FROM (
            SELECT bucket_at - bucket_at % 3600000000 AS bucket, calls FROM observability_traffic WHERE step_seconds = 60
            UNION ALL
            SELECT bucket_at, -calls FROM observability_traffic WHERE step_seconds = 3600
        ) m
        GROUP BY bucket HAVING SUM(calls) < 0
    ) d
) h
WHERE h.upto IS NOT NULL;
