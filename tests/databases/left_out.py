"""What is left out of an example, and the checks that must miss it: the same for every database."""

from collections.abc import Mapping

from paylattice.billing.records import TABLES

from .suites import Run

__all__ = ["KEYS", "MISSED_BY", "chosen", "is_missed"]

KEYS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    f"TestWithout{table.name.title().replace('_', '')}{name.title()}": (table.name, columns)
    for table in TABLES
    for name, columns in (("key", table.primary_key), *((key.name, key.columns) for key in table.unique_keys))
    if columns != ("id",)
}
"""By the name of the class that leaves it out: the table and the columns of a key."""

MISSED_BY: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(KEYS, frozenset({"test_a_key_is_taken_once", "test_of_many_inserts_of_one_key_one_gets_through"})),
    "TestWithoutATransaction": frozenset(
        {
            "test_what_fails_leaves_no_trace",
            "test_what_is_not_committed_is_not_seen",
            "test_a_transaction_becomes_visible_at_once",
            "test_an_insert_waits_for_the_end_of_another",
        }
    ),
}
"""By the name of the class that leaves it out."""

_SOUND = "test_what_is_not_there_is_none"
"""What every double passes: it is not the database that is broken."""


def chosen() -> list[str]:
    """The checks to run, as :func:`~.suites.run_suite` takes them."""
    return [f"{name}::{check}" for name, checks in MISSED_BY.items() for check in sorted({_SOUND, *checks})]


def is_missed(run: Run, name: str) -> bool:
    """Whether the checks that are meant for it have failed, and they alone."""
    return set(run.failed[name]) == MISSED_BY[name] and run.passed[name] == {_SOUND}
