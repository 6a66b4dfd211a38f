"""Hostile input: what nobody should send, sent to every door of the pipeline."""
