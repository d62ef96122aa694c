"""The suite catches a repository that breaks a promise, by the checks that are meant for it."""

import pytest

from paylattice import InMemoryRepository, sync
from paylattice.testing import BlockingRepositoryConformance, RepositoryConformance

from .broken_repositories import CAUGHT_BY
from .suite_runs import Run, run_suite, words

DOUBLES = {f"Test{kind.__name__}": checks for kind, checks in CAUGHT_BY.items()}


@pytest.fixture(scope="module")
def run() -> Run:
    return run_suite("broken_repositories")


@pytest.mark.parametrize("name", DOUBLES, ids=words)
def test_a_broken_repository_is_caught(run: Run, name: str) -> None:
    assert set(run.failed.get(name, {})) >= DOUBLES[name] > set()


@pytest.mark.parametrize("name", DOUBLES, ids=words)
def test_the_author_is_told_what_the_promise_is(run: Run, name: str) -> None:
    """A failure is an assertion in words, or the exception of the repository itself."""
    for check, report in run.failed[name].items():
        said = [
            line
            for line in report.splitlines()
            if line.startswith(("AssertionError: ", "KeyError: ", "paylattice.errors.ConfigurationError: "))
        ]
        assert said, (check, report)


def test_a_repository_of_the_other_face_is_told_apart() -> None:
    with pytest.raises(AssertionError, match="inherit BlockingRepositoryConformance"):
        RepositoryConformance().test_it_is_async(sync.InMemoryRepository())
    with pytest.raises(AssertionError, match="inherit RepositoryConformance"):
        BlockingRepositoryConformance().test_it_is_blocking(InMemoryRepository())
