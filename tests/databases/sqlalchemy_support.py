"""The repository for SQLAlchemy over a database of the test's own."""

from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.orm import sessionmaker

from paylattice.repositories.sqlalchemy import (
    BlockingSQLAlchemyRepository,
    SQLAlchemyRepository,
    include_metadata,
)
from paylattice.testing import BlockingRepositoryConformance, RepositoryConformance
from tests.mariadb import MariaDB
from tests.postgres import PostgresServer, fresh_databases

__all__ = ["BlockingSQLAlchemyChecks", "Opening", "SQLAlchemyChecks", "database", "emptied", "make_tables", "tables"]

Opening = Callable[[], AbstractAsyncContextManager[SQLAlchemyRepository[Any]]]

TABLES = include_metadata(sa.MetaData())
BLOCKING = {
    "psycopg": "psycopg",
    "asyncpg": "psycopg",
    "asyncmy": "pymysql",
    "aiomysql": "pymysql",
    "pymysql": "pymysql",
}
"""By the driver of the test, the one that prepares its database."""


def make_tables(url: str, *statements: str) -> None:
    """The tables, and what is then done to them."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        TABLES.metadata.create_all(connection)
        for statement in statements:
            connection.execute(sa.text(statement))


@contextmanager
def database(server: PostgresServer | MariaDB, *statements: str) -> Generator[str]:
    """The name of a database with the tables, until the end of the block."""
    if isinstance(server, MariaDB):
        with server.database() as name:
            make_tables(server.url(name, "pymysql"), *statements)
            yield name
    else:
        with fresh_databases(server) as databases:
            name = databases.create()
            make_tables(server.url(name, "psycopg"), *statements)
            yield name


@pytest.fixture(scope="class")
def tables(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """The URL of the database of a class's checks, without a driver: ``postgresql://...``."""
    driver, statements = request.cls.driver, request.cls.statements
    if "sqlite" in driver:
        path: Path = tmp_path_factory.mktemp("sqlite") / "billing.db"
        make_tables(f"sqlite:///{path}", *statements)
        yield f"sqlite:///{path}"
    else:
        server = request.getfixturevalue("postgres" if BLOCKING[driver] == "psycopg" else "mariadb")
        through = request.getfixturevalue("pgbouncer") if request.cls.pooled else server
        with database(server, *statements) as name:
            yield through.url(name)


def with_driver(url: str, driver: str) -> sa.URL:
    """The URL for SQLAlchemy."""
    made = sa.make_url(url)
    return made.set(drivername=f"{made.drivername}+{driver}")


def emptied(url: str, driver: str) -> None:
    """Take out what a check has left; ten times faster than a new database."""
    prepared = {"prepare_threshold": None} if BLOCKING.get(driver) == "psycopg" else {}
    engine = sa.create_engine(
        with_driver(url, BLOCKING.get(driver, "pysqlite")), poolclass=sa.NullPool, connect_args=prepared
    )
    names = [table.name for table in TABLES.metadata.sorted_tables]
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("set lock_timeout = '10s'")
            connection.exec_driver_sql(f"truncate {', '.join(names)} restart identity")
        else:
            for name in names:
                connection.exec_driver_sql(f"delete from {name}")


class SQLAlchemyChecks(RepositoryConformance):
    """The suite, over empty tables for each check."""

    kind: ClassVar[type[SQLAlchemyRepository[Any]]] = SQLAlchemyRepository
    driver: ClassVar[str] = "psycopg"
    statements: ClassVar[tuple[str, ...]] = ()
    over: ClassVar[Callable[[AsyncEngine], Any]] = lambda engine: engine
    pooled: ClassVar[bool] = False
    options: ClassVar[Mapping[str, object]] = {}
    grace = 0.1

    @pytest.fixture
    def repository(self, tables: str) -> Opening:
        emptied(tables, self.driver)
        url = with_driver(tables, self.driver)

        @asynccontextmanager
        async def opening() -> AsyncGenerator[SQLAlchemyRepository[Any]]:
            engine = create_async_engine(url, pool_size=10, connect_args=self.options)
            self.other_process = create_async_engine(url, connect_args=self.options)
            try:
                yield self.kind(type(self).over(engine))
            finally:
                await engine.dispose()
                await self.other_process.dispose()

        return opening

    def reopened(self, repository: SQLAlchemyRepository[Any]) -> SQLAlchemyRepository[Any]:
        return self.kind(type(self).over(self.other_process))


class BlockingSQLAlchemyChecks(BlockingRepositoryConformance):
    """The same without ``await``."""

    driver: ClassVar[str] = "psycopg"
    statements: ClassVar[tuple[str, ...]] = ()
    over: ClassVar[Callable[[sa.Engine], Any]] = lambda engine: engine
    pooled: ClassVar[bool] = False
    options: ClassVar[Mapping[str, object]] = {}
    grace = 0.1

    @pytest.fixture
    def repository(self, tables: str) -> Generator[BlockingSQLAlchemyRepository[Any]]:
        emptied(tables, self.driver)
        url = with_driver(tables, self.driver)
        engine = sa.create_engine(url, pool_size=10, connect_args=self.options)
        self.other_process = sa.create_engine(url, connect_args=self.options)
        yield BlockingSQLAlchemyRepository(type(self).over(engine))
        engine.dispose()
        self.other_process.dispose()

    def reopened(self, repository: BlockingSQLAlchemyRepository[Any]) -> BlockingSQLAlchemyRepository[Any]:
        return BlockingSQLAlchemyRepository(type(self).over(self.other_process))


def sessions(engine: AsyncEngine) -> Any:
    """A session factory, as an application that uses the ORM has one."""
    return async_sessionmaker(engine)


def blocking_sessions(engine: sa.Engine) -> Any:
    """The same for a blocking engine."""
    return sessionmaker(engine)
