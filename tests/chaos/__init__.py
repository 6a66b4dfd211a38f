"""Chaos, seeded: faults strike a running pipeline, and the views have to equal what Kafka acknowledged."""
