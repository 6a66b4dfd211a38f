"""The worker's hall: its pulse, and the watchdog that ends it."""
