"""The repository for SQLAlchemy with a part left out. Not collected by itself: ``test_sqlalchemy_repository.py`` runs it."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from paylattice import BillingEvent
from paylattice.billing.records import Record, table_of
from paylattice.repositories.sqlalchemy import SQLAlchemyRepository

from .left_out import KEYS
from .sqlalchemy_support import SQLAlchemyChecks

DROP = """
    do $$ declare key text; begin
        select conname into strict key from pg_constraint where conrelid = '{table}'::regclass and contype in ('p', 'u')
        and array(select attname::text from unnest(conkey) with ordinality as part (place, number)
            join pg_attribute on attrelid = conrelid and attnum = place order by number) = array[{columns}];
        execute 'alter table {table} drop constraint ' || key;
    end $$
"""


class Double(SQLAlchemyChecks):
    """One of the parts is missing."""

    patience = 2.0
    grace = 0.1


def without(table: str, columns: tuple[str, ...]) -> str:
    """The statement that takes a key away."""
    return DROP.format(table=table, columns=", ".join(f"'{name}'" for name in columns))


for name, (table, columns) in KEYS.items():
    globals()[name] = type(name, (Double,), {"statements": (without(table, columns),), "__module__": __name__})


class LooksBeforeItInserts(SQLAlchemyRepository[AsyncConnection]):
    """Instead of a unique key, a look whether the event is there."""

    async def insert(self, record: Record, *, tx: Any = None) -> bool:
        if isinstance(record, BillingEvent):
            for columns in table_of(BillingEvent).keys:
                key = {name: getattr(record, name) for name in columns}
                if None not in key.values() and await self.get(BillingEvent, key, tx=tx) is not None:
                    return False
        return await super().insert(record, tx=tx)


class TestALookInPlaceOfTheKeysOfEvents(Double):
    kind = LooksBeforeItInserts
    statements = tuple(without(table, columns) for table, columns in KEYS.values() if table == "billing_events")


class CommitsEachStatement(SQLAlchemyRepository[AsyncConnection]):
    """No transaction."""

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncConnection]:
        assert self._single is not None
        async with self._single.connect() as connection:
            yield connection


class TestWithoutATransaction(Double):
    kind = CommitsEachStatement


class DoesNotLock(SQLAlchemyRepository[AsyncConnection]):
    """No FOR UPDATE."""

    async def get(self, kind: Any, key: Mapping[str, object], *, lock: bool = False, tx: Any = None) -> Any:
        return await super().get(kind, key, tx=tx)


class TestWithoutForUpdate(Double):
    kind = DoesNotLock
