SELECT toFloat64(toUnixTimestamp64Milli(newest_arrival)) / 1000, data_age_seconds, lag_records
FROM bi.freshness;
