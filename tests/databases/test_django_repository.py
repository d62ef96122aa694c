"""The Django example keeps the promises, on PostgreSQL and on SQLite; its tables are those of its migration."""

from pathlib import Path

from tests.postgres import PostgresServer, fresh_databases

from .django_support import DATABASE
from .suites import Run, run_suite


def check(run: Run) -> None:
    assert run.failed == {}
    assert "TestDjangoRepository" not in run.skipped
    assert run.passed["TestFailures"]
    assert len(run.passed["TestDjangoRepository"]) > 30


def test_it_passes_the_suite_on_postgresql(postgres: PostgresServer, tmp_path: Path) -> None:
    with fresh_databases(postgres) as databases:
        check(run_suite("django_checks", tmp_path, {DATABASE: postgres.url(databases.create())}))


def test_it_passes_the_suite_on_sqlite(tmp_path: Path) -> None:
    check(run_suite("django_checks", tmp_path, {DATABASE: f"sqlite://{tmp_path / 'billing.db'}"}))
