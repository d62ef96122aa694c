"""Where the repository's checks find ``expect``."""

from .conformance.expectations import expect

__all__ = ["expect"]
