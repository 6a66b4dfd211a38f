-- Settles a change of an alert for a receiver.
INSERT INTO ent.deliveries (target, alert_id, revision, outcome) VALUES;
