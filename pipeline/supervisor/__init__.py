"""`up`: starts the parts as processes of their own, watches them, restarts what dies, and ends them together."""
