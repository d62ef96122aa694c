"""The models, made from the tables of paylattice's records, whose docstrings say what is in them.

JSON is kept as text: a ``JSONField`` is ``jsonb`` on PostgreSQL, which refuses the ``\\u0000`` that a provider may send. A
record's ``id`` is ``record_id`` here, since Django keeps ``id`` for primary keys.
"""

from typing import Any

from django.db import models

from paylattice.billing.records import (
    TABLES,
    BillingBookmark,
    BillingCheckout,
    BillingCustomer,
    BillingEvent,
    BillingOperation,
    BillingSubscription,
    Record,
    UnmatchedEvent,
)
from paylattice.billing.tables import Column, ColumnKind, Table

FIELDS = {
    ColumnKind.TEXT: models.TextField,
    ColumnKind.INTEGER: models.BigIntegerField,
    ColumnKind.TIMESTAMP: models.DateTimeField,
    ColumnKind.BOOLEAN: models.BooleanField,
    ColumnKind.JSON: models.TextField,
}
NAMES: dict[type[Record], str] = {
    BillingCustomer: "Customer",
    BillingSubscription: "Subscription",
    BillingCheckout: "Checkout",
    BillingEvent: "Event",
    UnmatchedEvent: "UnmatchedEvent",
    BillingOperation: "Operation",
    BillingBookmark: "Bookmark",
}


def attribute(name: str) -> str:
    return "record_id" if name == "id" else name


def attributes(names: tuple[str, ...]) -> list[str]:
    return [attribute(name) for name in names]


def field(table: Table[Any], column: Column) -> "models.Field[Any, Any]":
    only_key = table.primary_key == (column.name,)
    made: models.Field[Any, Any] = FIELDS[column.kind](
        null=column.nullable, primary_key=only_key, db_column=column.name
    )
    return made


def model(table: Table[Any]) -> type[models.Model]:
    """The model of a table."""
    keys = {key.name: key.columns for key in table.unique_keys}
    if len(table.primary_key) > 1:
        keys["key"] = table.primary_key
    meta = {
        "app_label": "billing",
        "db_table": table.name,
        "constraints": [
            models.UniqueConstraint(fields=attributes(columns), name=f"{table.name}_{name}")
            for name, columns in keys.items()
        ],
        "indexes": [
            models.Index(
                fields=attributes((*index.columns, *index.order)), name=f"{table.name[8:22]}_{index.name}"[:30]
            )
            for index in table.indexes
        ],
    }
    fields = {attribute(column.name): field(table, column) for column in table.columns}
    members = {**fields, "Meta": type("Meta", (), meta), "__module__": __name__}
    return type(NAMES[table.record], (models.Model,), members)


MODELS = {table.record: model(table) for table in TABLES}


class Ticket(models.Model):
    """The counter: where the database has no sequence, a row is made for each number, and taken away."""

    id: "models.BigAutoField[int, int]" = models.BigAutoField(primary_key=True)

    class Meta:
        app_label = "billing"
        db_table = "billing_tickets"
