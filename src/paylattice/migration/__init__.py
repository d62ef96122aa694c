"""Brings what exists to billing, and subscriptions from one provider to another."""

from .adoption import Adoption
from .events import MigrationContext, MigrationEvent, MigrationEventType
from .lines import AdoptionLine, AdoptionOutcome, AdoptionProblem, csv_lines, json_lines
from .migration import Migration, MigrationReport
from .progress import AdoptionReport
from .steps import Consent
from .verdicts import MigrationLine, MigrationReason, Verdict
from .verification import Mismatch, Verification

__all__ = [
    "Adoption",
    "AdoptionLine",
    "AdoptionOutcome",
    "AdoptionProblem",
    "AdoptionReport",
    "Consent",
    "Migration",
    "MigrationContext",
    "MigrationEvent",
    "MigrationEventType",
    "MigrationLine",
    "MigrationReason",
    "MigrationReport",
    "Mismatch",
    "Verdict",
    "Verification",
    "csv_lines",
    "json_lines",
]
