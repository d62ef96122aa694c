"""The repository for SQLAlchemy keeps the promises on each database, with each driver; leaving out a part of it does not."""

from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

import pytest

from tests.postgres import PostgresServer

from .left_out import MISSED_BY
from .sqlalchemy_support import BlockingSQLAlchemyChecks, SQLAlchemyChecks, blocking_sessions, sessions
from .suites import Run, run_suite

LOCKS = "test_a_locked_row_changes_for_nobody_else"
HERE: Mapping[str, frozenset[str]] = {
    **MISSED_BY,
    "TestALookInPlaceOfTheKeysOfEvents": frozenset({"test_of_many_inserts_of_one_key_one_gets_through"}),
    "TestWithoutForUpdate": frozenset({LOCKS}),
}
UNPREPARED: Mapping[str, Mapping[str, object]] = {
    "psycopg": {"prepare_threshold": None},
    "asyncpg": {
        "statement_cache_size": 0,
        "prepared_statement_cache_size": 0,
        "prepared_statement_name_func": lambda: f"__{uuid4()}__",
    },
}
"""As docs/repositories.md says: a pooler gives each transaction another connection, so no statement stays prepared."""
SOUND = "test_what_is_not_there_is_none"
"""What every double passes: it is not the database that is broken."""


class TestOnPsycopg(SQLAlchemyChecks):
    driver = "psycopg"


class TestOnAsyncpg(SQLAlchemyChecks):
    driver = "asyncpg"


class TestOnAsyncmy(SQLAlchemyChecks):
    driver = "asyncmy"


class TestOnAiomysql(SQLAlchemyChecks):
    driver = "aiomysql"


class TestOnAiosqlite(SQLAlchemyChecks):
    driver = "aiosqlite"


class TestSessionsOnPsycopg(SQLAlchemyChecks):
    driver = "psycopg"
    over = sessions


class TestSessionsOnAsyncmy(SQLAlchemyChecks):
    driver = "asyncmy"
    over = sessions


class TestBlockingOnPsycopg(BlockingSQLAlchemyChecks):
    driver = "psycopg"


class TestBlockingOnPyMySQL(BlockingSQLAlchemyChecks):
    driver = "pymysql"


class TestBlockingSessionsOnSQLite(BlockingSQLAlchemyChecks):
    driver = "pysqlite"
    over = blocking_sessions


class TestOnPsycopgThroughPgbouncer(SQLAlchemyChecks):
    driver = "psycopg"
    pooled = True
    options = UNPREPARED["psycopg"]


class TestOnAsyncpgThroughPgbouncer(SQLAlchemyChecks):
    driver = "asyncpg"
    pooled = True
    options = UNPREPARED["asyncpg"]


class TestBlockingOnPsycopgThroughPgbouncer(BlockingSQLAlchemyChecks):
    driver = "psycopg"
    pooled = True
    options = UNPREPARED["psycopg"]


@pytest.fixture(scope="module")
def broken(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Run:
    home: Path = tmp_path_factory.mktemp("broken")
    chosen = [f"{name}::{check}" for name, checks in HERE.items() for check in (SOUND, *sorted(checks))]
    return run_suite("broken_checks", home, {"PAYLATTICE_POSTGRES_URL": postgres.url()}, only=chosen)


@pytest.mark.parametrize("name", HERE)
def test_what_is_left_out_is_missed(broken: Run, name: str) -> None:
    assert set(broken.failed[name]) == HERE[name]
    assert broken.passed[name] == {SOUND}
