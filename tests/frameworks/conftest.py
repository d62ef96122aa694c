"""The PostgreSQL server of the session."""

from ..postgres import postgres

__all__ = ["postgres"]
