"""Which series of traffic are not as they should be: expectation and decision, pure (numpy; time is an argument)."""
