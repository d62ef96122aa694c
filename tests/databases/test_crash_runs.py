"""Workers that are killed again and again lose nothing and do nothing twice. The long run: ``nox -s crash``."""

import sys
from collections.abc import Generator

import pytest

from tests.mariadb import MariaDB
from tests.postgres import NoServerError, PostgresServer, running_server

from .crash.checkouts import run_checkouts
from .crash.maintenance import run_maintenance
from .crash.money import run_money
from .crash.webhooks import run_webhooks


@pytest.fixture(scope="module")
def mortal(postgres: PostgresServer) -> Generator[PostgresServer]:
    """A server that nobody else is disturbed by when it crashes."""
    try:
        with running_server() as server:
            yield server
    except NoServerError as error:  # the session uses one that was started elsewhere
        pytest.skip(str(error))


def test_every_event_is_applied_exactly_once(mortal: PostgresServer, capsys: pytest.CaptureFixture[str]) -> None:
    report = run_webhooks(mortal, events=200, copies=5, workers=2, kills=20, server_crashes=1)
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
    assert not report.problems
    assert report.facts["workers killed"] == 20
    assert report.facts["deliveries answered"] == 1000


def test_there_is_one_customer_for_each_organisation_and_the_provider_s_state_stays(
    mortal: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run_checkouts(mortal, orgs=30, clicks=3, workers=2, kills=16)
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
    assert not report.problems
    assert int(str(report.facts["workers killed"])) > 10  # the last ones may find nobody at work any more


def test_what_was_asked_for_is_taken_and_given_back_once_days_after_the_kills(
    mortal: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run_money(mortal, orgs=4, workers=2, kills=16)
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
    assert not report.problems
    assert int(str(report.facts["workers killed"])) > 8  # the last ones may find nobody at work any more


def test_two_processes_that_maintain_at_the_same_time_do_everything_once(
    postgres: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    report = run_maintenance(postgres, orgs=40)
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
    assert not report.problems
    assert report.facts["operations left open"] == 20
    assert report.facts["events left waiting"] == 10


def test_nothing_is_lost_and_nothing_done_twice_on_mariadb(
    mariadb: MariaDB, capsys: pytest.CaptureFixture[str]
) -> None:
    reports = [
        run_webhooks(mariadb, events=60, copies=4, workers=2, kills=8),
        run_checkouts(mariadb, orgs=12, clicks=3, workers=2, kills=8),
        run_money(mariadb, orgs=2, workers=2, kills=8),
        run_maintenance(mariadb, orgs=12),
    ]
    with capsys.disabled():
        sys.stdout.write("".join(f"\n{report}\n" for report in reports))
    assert [report.problems for report in reports] == [[], [], [], []]
    assert all(int(str(report.facts["workers killed"])) > 3 for report in reports[:3])


def test_the_run_notices_a_repository_without_transactions(mortal: PostgresServer) -> None:
    """Not every run has a kill between two statements that belong together."""
    broken = "tests.databases.broken_checks:CommitsEachStatement"
    runs = (run_webhooks(mortal, events=120, copies=4, workers=2, kills=16, repository=broken) for _ in range(5))
    assert any(report.problems for report in runs)
