"""What a run reads out of its database when it is over, whichever database that is."""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import sqlalchemy as sa

from tests.mariadb import MariaDB
from tests.postgres import PostgresServer

__all__ = ["Rows", "Server", "blocking_engine", "engine_url", "reading"]

Server = PostgresServer | MariaDB
Rows = Callable[[str], list[dict[str, object]]]
"""The rows that a statement finds."""


def engine_url(server: Server, name: str) -> str:
    """The address of a database, with the async driver that the workers use."""
    return server.url(name, "asyncmy" if isinstance(server, MariaDB) else "psycopg")


@contextmanager
def blocking_engine(server: Server, name: str) -> Generator[sa.Engine]:
    """An engine without ``await``, until the end of the block."""
    engine = sa.create_engine(server.url(name, "pymysql" if isinstance(server, MariaDB) else "psycopg"))
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def reading(server: Server, name: str) -> Generator[Rows]:
    """Read rows, until the end of the block."""
    with blocking_engine(server, name) as engine, engine.connect() as connection:
        yield lambda sql: [dict(row) for row in connection.execute(sa.text(sql)).mappings()]
