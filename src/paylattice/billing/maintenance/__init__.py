"""The scheduled work: what webhooks did not bring, what a crash left open, what waits, and what differs."""
