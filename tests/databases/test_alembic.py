"""Alembic finds the tables in the application's ``MetaData``, makes all of them, and then finds nothing left to do."""

import asyncio

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata, produce_migrations
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.operations.ops import MigrateOperation, OpContainer
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from paylattice import BillingCustomer
from paylattice.repositories.sqlalchemy import SQLAlchemyRepository, include_metadata
from paylattice.testing.conformance.repository.samples import sample
from tests.mariadb import MariaDB
from tests.postgres import PostgresServer, fresh_databases


def migrated(connection: sa.Connection, metadata: sa.MetaData) -> list[object]:
    """Run what ``alembic revision --autogenerate`` would write; the differences that it finds then."""
    options = {"include_schemas": metadata.tables.keys() != {table.name for table in metadata.tables.values()}}
    context = MigrationContext.configure(connection, opts=options)
    upgrade = produce_migrations(context, metadata).upgrade_ops
    assert upgrade is not None
    run(Operations(context), upgrade)
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, metadata))


def run(operations: Operations, each: MigrateOperation) -> None:
    if isinstance(each, OpContainer):
        for inner in each.ops:
            run(operations, inner)
    else:
        operations.invoke(each)


async def use(repository: SQLAlchemyRepository[AsyncConnection]) -> None:
    first = await repository.next_ticket()
    assert await repository.next_ticket() == first + 1
    assert await repository.insert(sample(BillingCustomer))
    assert await repository.get(BillingCustomer, {"id": sample(BillingCustomer).id}) == sample(BillingCustomer)


@pytest.mark.parametrize(("schema", "prefix"), [(None, "billing_"), ("shop", ""), (None, "our_billing_")])
def test_it_makes_the_tables_on_postgresql(postgres: PostgresServer, schema: str | None, prefix: str) -> None:
    metadata = sa.MetaData()
    sa.Table("orders", metadata, sa.Column("id", sa.BigInteger, primary_key=True))
    tables = include_metadata(metadata, schema=schema, prefix=prefix)
    with fresh_databases(postgres) as databases:
        url = postgres.url(databases.create(), "psycopg")
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.begin() as connection:
            if schema:
                connection.execute(sa.schema.CreateSchema(schema))
            assert migrated(connection, metadata) == []
            found = sa.inspect(connection).get_table_names(schema=schema)
        assert {f"{prefix}customers", f"{prefix}tickets"} <= set(found)

        async def check() -> None:
            engine = create_async_engine(url)
            await use(SQLAlchemyRepository(engine, tables=tables))
            await engine.dispose()

        asyncio.run(check())


def test_it_makes_the_tables_on_mariadb(mariadb: MariaDB) -> None:
    metadata = sa.MetaData()
    tables = include_metadata(metadata, prefix="our_billing_")
    with mariadb.database() as name:
        engine = sa.create_engine(mariadb.url(name, "pymysql"), poolclass=sa.NullPool)
        with engine.begin() as connection:
            assert migrated(connection, metadata) == []

        async def check() -> None:
            engine = create_async_engine(mariadb.url(name, "asyncmy"))
            await use(SQLAlchemyRepository(engine, tables=tables))
            await engine.dispose()

        asyncio.run(check())
