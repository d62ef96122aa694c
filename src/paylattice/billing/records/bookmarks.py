"""Bookmarks: how far the scheduled work has come."""

from datetime import datetime

import attrs

from ..tables import Table

__all__ = ["BOOKMARKS", "BillingBookmark"]


@attrs.frozen
class BillingBookmark:
    """How far one part of the scheduled work has come at one provider.

    It is a hint where to continue: a lost bookmark only costs time.

    Unique: ``(provider, part)``.

    Args:
        provider: the provider's name.
        part: the part of the work, such as ``catch_up``.
        updated_at: UTC.
        reached_at: a time, UTC; each part defines its meaning.
        last_item: the last item that was worked on. None: the part is finished, or has not started.
    """

    provider: str
    part: str
    updated_at: datetime
    reached_at: datetime | None = None
    last_item: str | None = None


BOOKMARKS = Table(
    "billing_bookmarks",
    BillingBookmark,
    primary_key=("provider", "part"),
    updatable=("updated_at", "reached_at", "last_item"),
)
