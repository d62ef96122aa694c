r"""The models, made from the tables of billing's records, whose docstrings say what is in them. Read them; billing writes them.

JSON is kept as text: a ``JSONField`` is ``jsonb`` on PostgreSQL, which refuses the ``\u0000`` that a provider may send.
"""

from typing import Any

from django.db import models

from ...billing.records import (
    TABLES,
    BillingBookmark,
    BillingCheckout,
    BillingCustomer,
    BillingEvent,
    BillingMigration,
    BillingOperation,
    BillingSubscription,
    Record,
    UnmatchedEvent,
)
from ...billing.tables import Column, ColumnKind, Table
from .fields import KeyField

__all__ = ["MODELS", "Ticket"]

_FIELDS: dict[ColumnKind, type[Any]] = {
    ColumnKind.TEXT: models.TextField,
    ColumnKind.INTEGER: models.BigIntegerField,
    ColumnKind.TIMESTAMP: models.DateTimeField,
    ColumnKind.BOOLEAN: models.BooleanField,
    ColumnKind.JSON: models.TextField,
}
_NAMES: dict[type[Record], tuple[str, str]] = {
    BillingCustomer: ("Customer", "org_id"),
    BillingSubscription: ("Subscription", "external_subscription_id"),
    BillingCheckout: ("Checkout", "key"),
    BillingEvent: ("Event", "external_event_id"),
    UnmatchedEvent: ("WaitingEvent", "external_event_id"),
    BillingOperation: ("Operation", "key"),
    BillingBookmark: ("Bookmark", "part"),
    BillingMigration: ("Migration", "source_subscription_id"),
}
"""The model's name, and the field that it is called by."""


def _field(table: Table[Any], column: Column) -> Any:
    if column.in_key and column.kind is ColumnKind.TEXT:
        return KeyField(null=column.nullable, primary_key=table.primary_key == (column.name,))
    return _FIELDS[column.kind](null=column.nullable)


def _model(table: Table[Any]) -> type[models.Model]:
    name, called_by = _NAMES[table.record]
    keys = {key.name: key.columns for key in table.unique_keys}
    if len(table.primary_key) > 1:  # Django has a key of its own, then
        keys["key"] = table.primary_key
    meta = {
        "app_label": "paylattice",
        "db_table": table.name,
        "constraints": [
            models.UniqueConstraint(fields=columns, name=f"{table.name}_{key}") for key, columns in keys.items()
        ],
        "indexes": [
            models.Index(
                fields=(*index.columns, *index.order),
                name=f"{table.name.removeprefix('billing_')[:13]}_{index.name}"[:30],
            )
            for index in table.indexes
        ],
    }

    def called(self: models.Model) -> str:
        return str(getattr(self, called_by))

    members: dict[str, Any] = {column.name: _field(table, column) for column in table.columns}
    members |= {"Meta": type("Meta", (), meta), "__module__": __name__, "__str__": called}
    return type(name, (models.Model,), members)


MODELS: dict[type[Record], type[models.Model]] = {table.record: _model(table) for table in TABLES}
"""By the class of the records."""


class Ticket(models.Model):
    """The counter of tickets: the sequence of ``id`` where the database has sequences, and a row elsewhere."""

    id: "models.BigAutoField[int, int]" = models.BigAutoField(primary_key=True)
    last: "models.BigIntegerField[int, int]" = models.BigIntegerField()

    class Meta:
        """What Django asks for."""

        app_label = "paylattice"
        db_table = "billing_tickets"

    def __str__(self) -> str:
        return str(self.last)
