-- The highest revision of an alert that a receiver was told of, or was given up for; 0 for none.
SELECT max(revision) FROM ent.deliveries WHERE target = %(receiver)s AND alert_id = %(alert_id)s;
