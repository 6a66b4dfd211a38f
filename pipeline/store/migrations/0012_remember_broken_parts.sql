-- Parts that the server found broken when it started, set aside, and that a worker has looked into since: what they
-- held was made again from what is left, or could not be.
CREATE TABLE IF NOT EXISTS ent.broken_parts
(
    database LowCardinality(String),
    table LowCardinality(String),
    -- as in system.detached_parts
    part String,
    -- made again, or not
    mended Bool,
    seen_at DateTime('UTC') DEFAULT now('UTC')
)
ENGINE = ReplacingMergeTree(seen_at)
ORDER BY (database, table, part);
