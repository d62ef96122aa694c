"""The tables of words and settings, which people write, say what the tables of the code say."""

import re
from collections.abc import Mapping
from enum import StrEnum
from itertools import takewhile
from pathlib import Path

import attrs
import pytest

from paylattice.config import ProviderConfig
from paylattice.errors import ActionRequired, Declined, PaymentError
from paylattice.providers.paypal import PayPalConfig, standing
from paylattice.providers.paypal import declines as paypal_declines
from paylattice.providers.paypal import errors as paypal_errors
from paylattice.providers.paypal import events as paypal_events
from paylattice.providers.square import SquareConfig, states
from paylattice.providers.square import errors as square_errors
from paylattice.providers.square import events as square_events
from paylattice.providers.square import wire as square_wire
from paylattice.providers.stripe import StripeConfig

from .names.mentions import of_markdown

DOCS = Path(__file__).parents[2] / "docs"
Row = tuple[frozenset[str], frozenset[str]]


def rows(page: str, heading: str, header: str) -> list[Row]:
    """The words of the first column, and those of the others, of each row of the table under a heading."""
    section = (DOCS / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    lines = section.partition(f"\n{header}")[2].splitlines()[2:]
    table = list(takewhile(lambda line: line.startswith("|"), lines))
    assert table, f"{page} has no table {header} under {heading}"
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table]
    return [(_words(first), _words(" | ".join(others))) for first, *others in cells]


def _words(cell: str) -> frozenset[str]:
    return frozenset(mention.text for mention in of_markdown("", cell))


# --- statuses --------------------------------------------------------------------------------------------------------

STATUSES: list[tuple[str, str, Mapping[str | None, StrEnum]]] = [
    ("paypal.md", "| subscription at PayPal |", standing.SUBSCRIPTION_STATUS),
    ("square.md", "| subscription at Square |", states.STATUS),
    ("square.md", "| invoice at Square |", square_wire.INVOICE_STATUS),
]


@pytest.mark.parametrize(("page", "header", "statuses"), STATUSES)
def test_a_status_means_on_its_page_what_it_means_in_the_code(
    page: str, header: str, statuses: Mapping[str | None, StrEnum]
) -> None:
    table = rows(page, "Words", header)
    right = {word for first, others in table for word in first if word in statuses and statuses[word].name in others}
    assert right == set(statuses)
    assert {word for first, _ in table for word in first} == set(statuses)


# --- events ----------------------------------------------------------------------------------------------------------

SQUARE_EVENTS = {
    name: {
        *([square_events.EVENT_TYPES[name]] if name in square_events.EVENT_TYPES else []),
        *(event for (of, _), event in square_events.BY_STATUS.items() if of == name),
    }
    for name in {*square_events.EVENT_TYPES, *(name for name, _ in square_events.BY_STATUS)}
}
EVENTS = [
    ("paypal.md", "| event |", {name: {event} for name, event in paypal_events.EVENT_TYPES.items()}),
    ("square.md", "| Square |", SQUARE_EVENTS),
]


@pytest.mark.parametrize(("page", "header", "events"), EVENTS)
def test_an_event_is_called_on_its_page_what_it_is_called_in_the_code(
    page: str, header: str, events: Mapping[str, set[str]]
) -> None:
    table = rows(page, "Webhooks", header)
    named = {name for first, _ in table for name in first}
    assert {
        name for name in events if not any(name in first and events[name] <= others for first, others in table)
    } == set()
    assert named <= set(events)


# --- errors ----------------------------------------------------------------------------------------------------------

PAYPAL_ERRORS: dict[str, type[PaymentError]] = {
    **dict.fromkeys(paypal_declines.ISSUES, Declined),
    **dict.fromkeys(paypal_errors.FOR_THE_PAYER, ActionRequired),
    **paypal_errors.KINDS,
}
ERRORS = [
    ("paypal.md", "| PayPal |", PAYPAL_ERRORS),
    ("square.md", "| Square |", {**square_errors.KINDS, **square_errors.CATEGORIES}),
]


@pytest.mark.parametrize(("page", "header", "kinds"), ERRORS)
def test_a_word_for_an_error_means_on_its_page_what_it_means_in_the_code(
    page: str, header: str, kinds: Mapping[str, type[PaymentError]]
) -> None:
    table = rows(page, "Errors", header)
    known = [(word, others) for first, others in table for word in first if word in kinds]
    assert len(known) > len(table) / 2
    assert [
        word for word, others in known if kinds[word].__name__ not in others and "ActionRequired" not in others
    ] == []


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "config"), [("stripe.md", StripeConfig), ("paypal.md", PayPalConfig), ("square.md", SquareConfig)]
)
def test_each_setting_stands_beside_its_variable(page: str, config: type[ProviderConfig]) -> None:
    variables = {setting.field: setting.variable for setting in config.settings()}
    table = rows(page, "Settings", "| variable |")
    for field in attrs.fields(config):
        beside = [
            first for first, others in table if field.name in others and (not first or first & set(variables.values()))
        ]
        assert beside, f"{page} does not tell of {field.name}"
        assert field.name not in variables or variables[field.name] in beside[0]
    assert {variable for first, _ in table for variable in first} == set(variables.values())
