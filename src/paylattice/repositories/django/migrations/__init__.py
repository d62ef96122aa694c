"""The migrations of billing's tables."""
