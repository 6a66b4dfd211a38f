"""Loads files of events beside Kafka: read, judged and counted as live ones, then swapped in day by day."""
