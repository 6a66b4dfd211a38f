"""Kafka from the command line: topics, publishing, reading the dead letters. The worker reads by Faust instead."""
