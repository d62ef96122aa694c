"""The ids of new records."""

import os
import time

__all__ = ["checkout_record_id", "new_record_id"]


def new_record_id() -> str:
    """Return the id of a new record: 32 characters of ``0-9a-f``, the time first, so that a later record sorts later.

    Only the order of records that have the same ticket depends on it, and on this machine's clock.
    """
    return f"{time.time_ns():016x}{os.urandom(8).hex()}"


def checkout_record_id(provider: str, *, mark: str) -> str:
    """Return the id of a checkout's record: what names the checkout by its mark leads to it, however many there are.

    Args:
        provider: the provider's name.
        mark: see :func:`~paylattice.idempotency.mark_of`.
    """
    return f"{provider}:{mark}"
