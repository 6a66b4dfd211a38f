-- Two cannot make the same table: whoever does holds the lock. {number} is a number of our own.
CREATE TABLE ent_staging.load_lock_{number} (at DateTime('UTC') DEFAULT now('UTC'))
ENGINE = ReplacingMergeTree ORDER BY tuple()
COMMENT %(holder)s;
