"""The SQLAlchemy example keeps the promises on a real server, with either driver; leaving out a part of it does not."""

from pathlib import Path

import pytest

from tests.postgres import PostgresServer

from . import broken_checks
from .sqlalchemy_support import SQLAlchemyChecks
from .suites import Run, run_suite

DOUBLES = [name for name in vars(broken_checks) if name.startswith("Test")]
SOUND = "test_who_is_not_there_is_none"
"""What every double passes: it is not the database that is broken."""


class TestOnPsycopg(SQLAlchemyChecks):
    driver = "psycopg"


class TestOnAsyncpg(SQLAlchemyChecks):
    driver = "asyncpg"


@pytest.fixture(scope="module")
def broken(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Run:
    home: Path = tmp_path_factory.mktemp("broken")
    chosen = [f"{name}::{check}" for name in DOUBLES for check in (SOUND, *getattr(broken_checks, name).caught_by)]
    return run_suite("broken_checks", home, {"PAYLATTICE_POSTGRES_URL": postgres.url()}, only=chosen)


@pytest.mark.parametrize("name", DOUBLES)
def test_what_is_left_out_is_missed(broken: Run, name: str) -> None:
    assert set(broken.failed[name]) == getattr(broken_checks, name).caught_by
    assert broken.passed[name] == {SOUND}
