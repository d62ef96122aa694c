"""Everything that is stored about an organisation, ready for JSON."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Generic, cast

import attrs

from .entries import arguments_without_tokens
from .records import BillingOperation, Record, table_of
from .repository import Tx
from .store import Store

__all__ = ["Exporting"]


class Exporting(Generic[Tx]):
    """Reads all records about an organisation.

    Args:
        store: where they are.
    """

    def __init__(self, store: Store[Tx]) -> None:
        self._store = store

    async def export(self, org_id: str) -> dict[str, object]:
        """Every record about the organisation, by the name of its table."""
        customers = await self._store.list_customers_of(org_id)
        records: list[Record] = [*customers]
        for customer in customers:
            subscriptions = await self._store.list_subscriptions(customer.id)
            records += [*subscriptions, *await self._store.list_events_of(customer.id)]
            ids = [each.external_subscription_id for each in subscriptions]
            records += await self._store.list_waiting_for(customer, ids)
        records += [*await self._store.list_checkouts(org_id), *await self._store.list_operations_of(org_id)]
        tables: dict[str, list[object]] = {}
        for record in records:
            table = table_of(type(record))
            tables.setdefault(table.name, []).append(_plain(table.row(_without_tokens(record))))
        return {"org_id": org_id, **tables}


def _without_tokens(record: Record) -> Record:
    """A record without what an open operation is yet to be sent with, which is no data about a person."""
    if not isinstance(record, BillingOperation):
        return record
    kept = arguments_without_tokens(record)
    return record if kept is None else attrs.evolve(record, arguments=kept)


def _plain(value: object) -> object:
    """A value as JSON has it: times in ISO 8601, in UTC."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in cast("Sequence[object]", value)]
    return value
