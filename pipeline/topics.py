"""The names of the project's Kafka topics."""

VISITS = "ent.visits.v1"
REJECTS = "ent.rejects.v1"
ALERTS = "ent.alerts.v1"
