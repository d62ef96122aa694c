"""What is left out of an example, and the checks that must miss it: the same for every database."""

from collections.abc import Mapping

from .suites import Run

__all__ = ["MISSED_BY", "chosen", "is_missed"]

MISSED_BY: Mapping[str, frozenset[str]] = {
    "TestWithoutTheKeyOfOrganisations": frozenset(
        {
            "test_an_org_has_one_customer_at_a_provider",
            "test_a_transaction_refuses_its_own_duplicates",
            "test_of_many_inserts_of_one_customer_one_gets_through",
        }
    ),
    "TestWithoutTheKeyOfCustomers": frozenset(
        {
            "test_an_external_id_belongs_to_one_customer",
            "test_of_many_inserts_of_one_external_id_one_gets_through",
        }
    ),
    "TestWithoutTheKeyOfSubscriptions": frozenset({"test_of_many_states_the_latest_stays"}),
    "TestWithoutTheKeyOfEvents": frozenset(
        {
            "test_an_event_is_inserted_once",
            "test_of_many_inserts_of_one_event_one_gets_through",
        }
    ),
    "TestWithoutTheKeyOfDeliveries": frozenset({"test_a_delivery_counts_once"}),
    "TestWithoutTheKeyOfParkedEvents": frozenset({"test_an_event_is_parked_once"}),
    "TestWithoutTheKeyOfOperations": frozenset({"test_an_operation_is_written_down_once"}),
    "TestWithoutATransaction": frozenset(
        {
            "test_what_fails_leaves_no_trace",
            "test_nobody_sees_what_is_not_committed",
            "test_a_transaction_becomes_visible_at_once",
            "test_an_insert_waits_for_the_end_of_another",
        }
    ),
}
"""By the name of the class that leaves it out."""

_SOUND = "test_who_is_not_there_is_none"
"""What every double passes: it is not the database that is broken."""


def chosen() -> list[str]:
    """The checks to run, as :func:`~.suites.run_suite` takes them."""
    return [f"{name}::{check}" for name, checks in MISSED_BY.items() for check in sorted({_SOUND, *checks})]


def is_missed(run: Run, name: str) -> bool:
    """Whether the checks that are meant for it have failed, and they alone."""
    return set(run.failed[name]) == MISSED_BY[name] and run.passed[name] == {_SOUND}
