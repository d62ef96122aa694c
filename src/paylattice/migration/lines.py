"""What adoption says of each pair, as typed lines, and those lines as CSV or JSON."""

import csv
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Protocol

import attrs

__all__ = ["AdoptionLine", "AdoptionOutcome", "AdoptionProblem", "csv_lines", "json_lines"]


class AdoptionOutcome(StrEnum):
    """What adoption did with a pair."""

    WOULD_STORE = "would_store"
    """It fits, and is not stored yet, in a dry run."""
    STORED = "stored"
    """The customer and its subscriptions are stored now."""
    KNOWN = "known"
    """It was stored before, and a run has read it again."""
    LEFT_OUT = "left_out"
    """It does not fit, and nothing of it is stored. The problems say why."""
    FAILED = "failed"
    """It could not be read or stored now. Run again."""


class AdoptionProblem(StrEnum):
    """What does not fit."""

    MALFORMED = "malformed"
    """One of the two ids is none."""
    MISSING = "missing"
    """The provider has no such customer, or PayPal no such subscription, in this account and mode."""
    DELETED = "deleted"
    """The customer was deleted at the provider."""
    OTHER_MODE = "other_mode"
    """The customer exists in the other mode, live or test."""
    TAKEN = "taken"
    """Two organisations have this customer."""
    OTHER_CUSTOMER = "other_customer"
    """The organisation has another customer at the provider."""
    UNREADABLE = "unreadable"
    """The provider, or a handler, failed."""
    SEVERAL_SUBSCRIPTIONS = "several_subscriptions"
    """The organisation pays for two subscriptions, or more."""
    UNKNOWN_PLAN = "unknown_plan"
    """A subscription is on a plan that is none of yours."""

    @property
    def keeps_out(self) -> bool:
        """Whether nothing of the pair is stored."""
        return self not in _NOTED

    @property
    def advice(self) -> str:
        """What to do."""
        return _ADVICE[self]


_NOTED = frozenset({AdoptionProblem.SEVERAL_SUBSCRIPTIONS, AdoptionProblem.UNKNOWN_PLAN})

_ADVICE: Mapping[AdoptionProblem, str] = {
    AdoptionProblem.MALFORMED: "Look at the row: an empty column, or another id than the customer's.",
    AdoptionProblem.MISSING: (
        "Look whether the id is from another account, or the key from another mode. If it is gone, clear the column: the next "
        "checkout creates a customer."
    ),
    AdoptionProblem.DELETED: "Clear the column: the next checkout creates a customer.",
    AdoptionProblem.OTHER_MODE: "Leave it out if it is a test customer; else use the key of the other mode.",
    AdoptionProblem.TAKEN: "Find out who pays: look at the customer's metadata and e-mail address; clear the other column.",
    AdoptionProblem.OTHER_CUSTOMER: (
        "Find out which customer pays. If it is this one, end the other's subscriptions, delete the other at the provider, and "
        "its record; then run again."
    ),
    AdoptionProblem.UNREADABLE: "Run again. If it stays, look at the error's class in the log.",
    AdoptionProblem.SEVERAL_SUBSCRIPTIONS: (
        "Pass subscription_id= for this organisation; or cancel the one that it should not pay."
    ),
    AdoptionProblem.UNKNOWN_PLAN: "Look at the plan: access() with plans= gives nothing for one that you do not list.",
}


@attrs.frozen
class AdoptionLine:
    """What adoption says of one pair.

    Args:
        org_id: your id of the organisation.
        external_id: the provider's id, as the pair has it.
        outcome: what was done.
        problems: what does not fit, the gravest first.
        subscriptions: the provider's ids of the organisation's current subscriptions there.
        error: the class of the error; None: there was none.
    """

    org_id: str
    external_id: str
    outcome: AdoptionOutcome
    problems: tuple[AdoptionProblem, ...] = ()
    subscriptions: tuple[str, ...] = ()
    error: str | None = None

    @property
    def problem(self) -> AdoptionProblem | None:
        """The gravest problem, or None if the pair fits."""
        return next(iter(self.problems), None)

    @property
    def advice(self) -> str | None:
        """What to do about the gravest problem."""
        return None if self.problem is None else self.problem.advice

    def as_dict(self) -> dict[str, str]:
        """The line as texts, by column; several are separated by blanks."""
        return {
            "org_id": self.org_id,
            "external_id": self.external_id,
            "outcome": self.outcome.value,
            "problems": " ".join(self.problems),
            "subscriptions": " ".join(self.subscriptions),
            "error": self.error or "",
            "advice": self.advice or "",
        }


class _Writes(Protocol):
    def write(self, text: str, /) -> object: ...


def csv_lines(file: _Writes) -> Callable[[AdoptionLine], None]:
    """Return a function that writes lines to a file as CSV: pass it as ``on_line``.

    Args:
        file: opened for text, so that it keeps line ends as they are, as the csv module asks.
    """
    columns = list(AdoptionLine("", "", AdoptionOutcome.KNOWN).as_dict())
    writer = csv.DictWriter(file, columns)
    writer.writeheader()

    def write(line: AdoptionLine) -> None:
        writer.writerow({name: _inert(text) for name, text in line.as_dict().items()})

    return write


def json_lines(file: _Writes) -> Callable[[AdoptionLine], None]:
    """Return a function that writes lines to a file as JSON, one object per line: pass it as ``on_line``.

    Args:
        file: opened for text.
    """

    def write(line: AdoptionLine) -> None:
        file.write(f"{json.dumps(line.as_dict())}\n")

    return write


def _inert(text: str) -> str:
    """The text as a spreadsheet shows it, and does not compute it."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text
