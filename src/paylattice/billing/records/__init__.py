"""Billing's records, and the tables that they are kept in.

Every field is a plain value that a column can hold; times are aware UTC datetimes. A field that holds personal data says so
(``metadata=personal("...")``) and is left out of ``repr``, and so out of logs.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from ..tables import Record, Table
from .bookmarks import BOOKMARKS, BillingBookmark
from .checkouts import CHECKOUTS, BillingCheckout, CheckoutNews, CheckoutState
from .customers import CUSTOMERS, BillingCustomer
from .events import EVENTS, UNMATCHED_EVENTS, BillingEvent, UnmatchedEvent
from .fields import personal
from .migrations import MIGRATIONS, BillingMigration, MigrationStep
from .operations import OPERATIONS, BillingOperation, OperationState
from .subscriptions import SUBSCRIPTIONS, BillingSubscription

__all__ = [
    "TABLES",
    "BillingBookmark",
    "BillingCheckout",
    "BillingCustomer",
    "BillingEvent",
    "BillingMigration",
    "BillingOperation",
    "BillingSubscription",
    "CheckoutNews",
    "CheckoutState",
    "MigrationStep",
    "OperationState",
    "Record",
    "UnmatchedEvent",
    "personal",
    "table_of",
]

R = TypeVar("R", bound=Record)

TABLES: tuple[Table[Any], ...] = (
    CUSTOMERS,
    SUBSCRIPTIONS,
    CHECKOUTS,
    EVENTS,
    UNMATCHED_EVENTS,
    OPERATIONS,
    BOOKMARKS,
    MIGRATIONS,
)
"""Every table there is."""

_BY_RECORD: Mapping[type[Record], Table[Any]] = {table.record: table for table in TABLES}


def table_of(kind: type[R]) -> Table[R]:
    """Get the table of a class of records.

    Args:
        kind: the class.

    Raises:
        KeyError: it is no class of billing's records.
    """
    return cast("Table[R]", _BY_RECORD[kind])
