"""The outcome of a delivery, and of an unmatched event that was tried again."""

from enum import StrEnum

import attrs

__all__ = ["Retried", "WebhookOutcome"]


class WebhookOutcome(StrEnum):
    """What became of a delivery. All of them are answered with 200."""

    PROCESSED = "processed"
    """It was applied."""
    DUPLICATE = "duplicate"
    """It had been applied before; nothing was done."""
    STALE = "stale"
    """Its handlers ran, but a newer state of the subscription is stored already and stays."""
    IGNORED = "ignored"
    """It is of a kind that nobody here listens to, or of another account; or it is about what was sold elsewhere, in the
    provider's dashboard, say, or at a till."""
    UNMATCHED = "unmatched"
    """It concerns a customer or a subscription that is not stored yet; it is kept, and applied when that appears."""


@attrs.frozen
class Retried:
    """What became of an unmatched event that was tried again.

    Args:
        applied: how many events were applied by it: this one, and those that waited for what it brought.
        is_nobodys: nobody here is known whom it is about.
        is_dropped: it is about what was sold elsewhere, and waits no longer.
        error: the class of the error that keeps it unmatched.
    """

    applied: int = 0
    is_nobodys: bool = False
    is_dropped: bool = False
    error: str | None = None
