"""The scheduled work: missed events, operations left open by a crash, waiting events, and differences."""
