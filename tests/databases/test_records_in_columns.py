"""Records go into columns as they are: ``attrs.asdict``, a JSON column, and back, with nothing between."""

import asyncio

import attrs
from sqlalchemy import JSON, BigInteger, Column, DateTime, MetaData, String, Table, UniqueConstraint, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import create_async_engine

from paylattice import BillingCustomer, BillingEvent
from paylattice.testing.conformance.repository.samples import sample
from tests.postgres import PostgresServer, fresh_databases

meta = MetaData()
customers = Table(
    "customers",
    meta,
    *(Column(name, String, primary_key=name == "id") for name in ("id", "org_id", "provider", "external_customer_id")),
    *(Column(name, String) for name in ("email", "name", "phone", "erased_customer_id")),
    Column("ticket", BigInteger),
    Column("metadata", JSON),
    *(Column(name, DateTime(timezone=True)) for name in ("created_at", "updated_at")),
)
events = Table(
    "events",
    meta,
    Column("id", String, primary_key=True),
    *(Column(name, String) for name in ("event_type", "provider", "external_event_id")),
    Column("metadata", JSON),
    UniqueConstraint("provider", "external_event_id"),
)


def test_a_record_is_written_with_asdict_and_read_with_its_class(postgres: PostgresServer) -> None:
    async def check(url: str) -> None:
        engine = create_async_engine(url)
        values = attrs.asdict(sample(BillingCustomer))
        upsert = insert(customers).values(values).on_conflict_do_update(index_elements=["id"], set_=values)
        async with engine.begin() as connection:
            await connection.run_sync(meta.create_all)
            for _ in range(2):
                await connection.execute(upsert)
            row = (await connection.execute(select(customers))).mappings().one()
            assert BillingCustomer(**row) == sample(BillingCustomer)
            known = {column.name for column in events.c}
            for first in (True, False):
                record = sample(BillingEvent, id=f"first {first}")
                new = {name: value for name, value in attrs.asdict(record).items() if name in known}
                done = await connection.execute(
                    insert(events).values(new).on_conflict_do_nothing().returning(events.c.id)
                )
                assert (done.first() is not None) is first
        await engine.dispose()

    with fresh_databases(postgres) as databases:
        asyncio.run(check(postgres.url(databases.create(), "psycopg")))
