"""The repository for Django keeps the promises on each database; leaving out a part of it does not. Its app works."""

from pathlib import Path

import pytest

from tests.mariadb import MariaDB
from tests.postgres import PostgresServer, fresh_databases

from .django_support import DATABASE
from .left_out import MISSED_BY, chosen, is_missed
from .suites import Run, run_suite


def check(run: Run) -> None:
    assert run.failed == {}
    assert "TestDjangoRepository" not in run.skipped
    assert run.passed["TestFailures"]
    assert len(run.passed["TestTheApp"]) >= 8
    assert len(run.passed["TestDjangoRepository"]) > 20


def test_it_passes_the_suite_on_postgresql(postgres: PostgresServer, tmp_path: Path) -> None:
    with fresh_databases(postgres) as databases:
        check(run_suite("django_checks", tmp_path, {DATABASE: postgres.url(databases.create())}))


def test_it_passes_the_suite_through_pgbouncer(
    pgbouncer: PostgresServer, postgres: PostgresServer, tmp_path: Path
) -> None:
    with fresh_databases(postgres) as databases:
        check(run_suite("django_checks", tmp_path, {DATABASE: pgbouncer.url(databases.create())}))


def test_it_passes_the_suite_on_mariadb(mariadb: MariaDB, tmp_path: Path) -> None:
    with mariadb.database() as name:
        check(run_suite("django_checks", tmp_path, {DATABASE: mariadb.url(name)}))


def test_it_passes_the_suite_on_sqlite(tmp_path: Path) -> None:
    check(run_suite("django_checks", tmp_path, {DATABASE: f"sqlite://{tmp_path / 'billing.db'}"}))


@pytest.fixture(scope="module")
def broken(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Run:
    with fresh_databases(postgres) as databases:
        environment = {DATABASE: postgres.url(databases.create())}
        return run_suite("broken_django_checks", tmp_path_factory.mktemp("broken"), environment, only=chosen())


@pytest.mark.parametrize("name", MISSED_BY)
def test_what_is_left_out_is_missed(broken: Run, name: str) -> None:
    assert is_missed(broken, name), broken.failed[name]
