"""The suite catches a provider that breaks a promise: each double by the checks that are meant for it, and by no other."""

import pytest

from paylattice.testing import ProviderConformance

from . import broken_providers, broken_wires
from .provider_doubles import DOUBLES
from .suite_runs import Run, run_suite, words


@pytest.fixture(scope="module")
def run() -> Run:
    return run_suite(broken_providers.__name__, broken_wires.__name__)


@pytest.mark.parametrize("name", DOUBLES, ids=words)
def test_a_broken_provider_is_caught(run: Run, name: str) -> None:
    assert set(run.failed.get(name, {})) == DOUBLES[name]


@pytest.mark.parametrize("name", DOUBLES, ids=words)
def test_the_author_is_told_what_the_promise_is(run: Run, name: str) -> None:
    for check, report in run.failed[name].items():
        said = [line for line in report.splitlines() if line.startswith(("AssertionError: ", "paylattice.errors."))]
        assert said, (check, report)


def test_what_is_no_provider_at_all_is_caught() -> None:
    class Duck:
        """Has the methods, and not the guard."""

    with pytest.raises(AssertionError, match=r"must inherit paylattice\.BaseProvider"):
        ProviderConformance().test_it_is_a_provider(Duck())  # type: ignore[arg-type]
