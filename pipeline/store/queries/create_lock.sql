-- Two cannot make the same table: whoever does holds the lock. {lock} and {number} are words of our own.
CREATE TABLE ent_staging.{lock}_lock_{number} (at DateTime('UTC') DEFAULT now('UTC'))
ENGINE = ReplacingMergeTree ORDER BY tuple()
COMMENT %(holder)s;
