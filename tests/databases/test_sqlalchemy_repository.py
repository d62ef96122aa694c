"""The SQLAlchemy example keeps the promises on a real server, with either driver; leaving out a part of it does not."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.postgres import PostgresServer

from .left_out import MISSED_BY
from .sqlalchemy_support import SQLAlchemyChecks
from .suites import Run, run_suite

LOCKS = "test_a_locked_row_changes_for_nobody_else"
HERE: Mapping[str, frozenset[str]] = {
    **MISSED_BY,
    "TestALookInPlaceOfTheKeysOfEvents": frozenset({"test_of_many_inserts_of_one_key_one_gets_through"}),
    "TestWithoutForUpdate": frozenset({LOCKS}),
}
SOUND = "test_what_is_not_there_is_none"
"""What every double passes: it is not the database that is broken."""


class TestOnPsycopg(SQLAlchemyChecks):
    driver = "psycopg"


class TestOnAsyncpg(SQLAlchemyChecks):
    driver = "asyncpg"


@pytest.fixture(scope="module")
def broken(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Run:
    home: Path = tmp_path_factory.mktemp("broken")
    chosen = [f"{name}::{check}" for name, checks in HERE.items() for check in (SOUND, *sorted(checks))]
    return run_suite("broken_checks", home, {"PAYLATTICE_POSTGRES_URL": postgres.url()}, only=chosen)


@pytest.mark.parametrize("name", HERE)
def test_what_is_left_out_is_missed(broken: Run, name: str) -> None:
    assert set(broken.failed[name]) == HERE[name]
    assert broken.passed[name] == {SOUND}
