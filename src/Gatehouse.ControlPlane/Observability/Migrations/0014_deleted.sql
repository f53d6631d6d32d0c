-- Up to where minutes, and quarters of an hour, were deleted is marked by the step -60 (ClosedBuckets), because a clock that was ahead may
-- have led there: behind the last hour whose minutes are not all there. Hours of before the first minutes are none that reach further.
INSERT INTO observability_traffic_closed (step_seconds, bucket_at)
SELECT -60, h.upto FROM (
    SELECT MAX(d.bucket) + 3600000000 AS upto FROM (
        SELECT bucket FROM (
            SELECT b.bucket_at - b.bucket_at % 3600000000 AS bucket, b.calls AS calls FROM (
                SELECT bucket_at, SUM(calls) AS calls FROM observability_traffic WHERE step_seconds = 60 GROUP BY bucket_at
            ) b
            UNION ALL
            SELECT bucket_at AS bucket, -SUM(calls) AS calls FROM observability_traffic
            WHERE step_seconds = 3600
                AND bucket_at >= COALESCE((SELECT MIN(bucket_at) FROM observability_traffic WHERE step_seconds = 60), 0) - 3600000000
            GROUP BY bucket_at
        ) m
        GROUP BY bucket HAVING SUM(calls) < 0
    ) d
) h
WHERE h.upto IS NOT NULL;
