"""The ids of new records."""

import os

__all__ = ["new_record_id"]


def new_record_id() -> str:
    """The id of a new record: random, 32 characters of ``0-9a-f``."""
    return os.urandom(16).hex()
