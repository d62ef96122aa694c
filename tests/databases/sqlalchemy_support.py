"""The SQLAlchemy example over a database of the test's own."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import ClassVar

import pytest
from psycopg import sql
from sqlalchemy import NullPool, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy_repository import SQLAlchemyRepository, metadata

from paylattice.testing import RepositoryConformance
from tests.postgres import PostgresServer, fresh_databases

__all__ = ["Opening", "SQLAlchemyChecks", "database", "emptied", "make_tables", "tables"]

Opening = Callable[[], AbstractAsyncContextManager[SQLAlchemyRepository]]


def make_tables(url: str, *statements: str) -> None:
    """The example's tables, and what is then done to them."""

    async def make() -> None:
        engine = create_async_engine(url, poolclass=NullPool)
        async with engine.begin() as connection:
            await connection.run_sync(metadata.create_all)
            for statement in statements:
                await connection.execute(text(statement))
        await engine.dispose()

    asyncio.run(make())


@contextmanager
def database(server: PostgresServer, *statements: str) -> Generator[str]:
    """The name of a database with the example's tables, until the end of the block."""
    with fresh_databases(server) as databases:
        name = databases.create()
        make_tables(server.url(name, "psycopg"), *statements)
        yield name


@pytest.fixture(scope="class")
def tables(request: pytest.FixtureRequest, postgres: PostgresServer) -> Generator[str]:
    """The database of a class's checks."""
    with database(postgres, *request.cls.statements) as name:
        yield name


def emptied(server: PostgresServer, name: str) -> None:
    """Take out what a check has left; ten times faster than a new database."""
    tables = sql.SQL(", ").join(sql.Identifier(table.name) for table in metadata.sorted_tables)
    server.execute(sql.SQL("set lock_timeout = '10s'; truncate {} restart identity").format(tables), name)


class SQLAlchemyChecks(RepositoryConformance):
    """The suite, over empty tables for each check."""

    kind: ClassVar[type[SQLAlchemyRepository]] = SQLAlchemyRepository
    driver: ClassVar[str] = "psycopg"
    statements: ClassVar[tuple[str, ...]] = ()

    @pytest.fixture
    def repository(self, postgres: PostgresServer, tables: str) -> Opening:
        emptied(postgres, tables)
        url = postgres.url(tables, self.driver)

        @asynccontextmanager
        async def opening() -> AsyncGenerator[SQLAlchemyRepository]:
            engine, self.other_process = create_async_engine(url, pool_size=10), create_async_engine(url)
            try:
                yield self.kind(engine)
            finally:
                await engine.dispose()
                await self.other_process.dispose()

        return opening

    def reopened(self, repository: SQLAlchemyRepository) -> SQLAlchemyRepository:
        return self.kind(self.other_process)
