-- The two databases, and the ledger of the migrations: this file is what an empty server gets first.

CREATE DATABASE IF NOT EXISTS ent ENGINE = Atomic;

CREATE DATABASE IF NOT EXISTS bi ENGINE = Atomic;

-- One row for each migration; two that run at once write the same row twice, and it stays one.
CREATE TABLE IF NOT EXISTS ent.migrations
(
    number UInt32,
    name String,
    -- sha256 of the statements as they were run, placeholders replaced
    checksum String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3, 'UTC')
)
ENGINE = ReplacingMergeTree(applied_at)
ORDER BY number;
