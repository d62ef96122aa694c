"""The suite catches a repository whose journal, or whose moving records, break a promise: by the checks meant for it alone."""

import pytest

from . import broken_journals
from .suite_runs import Run, run_suite, words

DOUBLES = sorted(name for name in vars(broken_journals) if name.startswith("Test"))


@pytest.fixture(scope="module")
def run() -> Run:
    return run_suite("broken_journals")


@pytest.mark.parametrize("name", DOUBLES, ids=words)
def test_a_broken_journal_is_caught(run: Run, name: str) -> None:
    meant = getattr(broken_journals, name).caught_by
    assert set(run.failed.get(name, {})) == meant


@pytest.mark.parametrize("name", DOUBLES, ids=words)
def test_the_author_of_a_journal_is_told_what_the_promise_is(run: Run, name: str) -> None:
    for check, report in run.failed[name].items():
        said = [line for line in report.splitlines() if line.startswith("AssertionError: ")]
        assert said, (check, report)
