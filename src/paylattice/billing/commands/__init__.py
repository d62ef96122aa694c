"""The commands of billing: one class for each thing that is sent to a provider, one file for each family."""

from collections.abc import Mapping
from typing import Any

from ...errors import ConfigurationError
from ..records import BillingOperation
from .base import Command, Made, StateCommand
from .changes import CancelScheduledChange, ChangeSubscription
from .checkout import StartCheckout
from .create_subscription import CreateSubscription
from .customers import CreateCustomer, DeleteCustomer, UpdateCustomer
from .invoices import InvoiceCommand, PayInvoice, VoidInvoice
from .money import Authorize, Capture, Charge, RefundPayment, Void
from .outstanding import BillOutstanding
from .payment_methods import (
    RemovePaymentMethod,
    SavePaymentMethod,
    SetDefaultPaymentMethod,
    SetPaymentMethod,
    StartSetup,
)
from .subscriptions import (
    AssignSubscription,
    CancelSubscription,
    PauseSubscription,
    ResumeSubscription,
    SubscriptionCommand,
)
from .transfers import MergeCustomer, TransferCustomer, merged
from .trials import ExtendTrial
from .uncancel import UncancelSubscription
from .undoing import UndoSubscription
from .usage import RecordUsage

__all__ = [
    "COMMANDS",
    "WITH_TOKENS",
    "AssignSubscription",
    "Authorize",
    "BillOutstanding",
    "CancelScheduledChange",
    "CancelSubscription",
    "Capture",
    "ChangeSubscription",
    "Charge",
    "Command",
    "CreateCustomer",
    "CreateSubscription",
    "DeleteCustomer",
    "ExtendTrial",
    "InvoiceCommand",
    "Made",
    "MergeCustomer",
    "PauseSubscription",
    "PayInvoice",
    "RecordUsage",
    "RefundPayment",
    "RemovePaymentMethod",
    "ResumeSubscription",
    "SavePaymentMethod",
    "SetDefaultPaymentMethod",
    "SetPaymentMethod",
    "StartCheckout",
    "StartSetup",
    "StateCommand",
    "SubscriptionCommand",
    "TransferCustomer",
    "UncancelSubscription",
    "UndoSubscription",
    "UpdateCustomer",
    "Void",
    "VoidInvoice",
    "command_of",
    "merged",
    "readable_command_of",
]

_ALL: tuple[type[Command[Any]], ...] = (
    CreateCustomer,
    UpdateCustomer,
    DeleteCustomer,
    TransferCustomer,
    MergeCustomer,
    StartCheckout,
    CreateSubscription,
    AssignSubscription,
    ChangeSubscription,
    CancelScheduledChange,
    ExtendTrial,
    CancelSubscription,
    UncancelSubscription,
    PauseSubscription,
    ResumeSubscription,
    RecordUsage,
    Charge,
    Authorize,
    Capture,
    Void,
    RefundPayment,
    PayInvoice,
    VoidInvoice,
    UndoSubscription,
    StartSetup,
    SavePaymentMethod,
    SetPaymentMethod,
    SetDefaultPaymentMethod,
    RemovePaymentMethod,
    BillOutstanding,
)

COMMANDS: Mapping[str, type[Command[Any]]] = {each.kind: each for each in _ALL}
"""Every command, by the kind that its rows say."""


WITH_TOKENS = frozenset(each.kind for each in _ALL if each.tokens())
"""The kinds of the commands that are sent with a token of the payer's browser."""


def command_of(row: BillingOperation) -> Command[Any]:
    """The command of a row of the operation log.

    Raises:
        ConfigurationError: this version of paylattice has no such command, or cannot read this version of it.
    """
    found = COMMANDS.get(row.operation)
    if found is None:
        message = (
            f"the operation log holds a command {row.operation[:60]!r} that this version of paylattice does not know: "
            "if a newer version wrote it, let that one finish it"
        )
        raise ConfigurationError(message, provider=row.provider)
    try:
        return found.from_json(row.arguments)
    except ConfigurationError as error:
        error.provider, error.idempotency_key = row.provider, row.key
        raise


def readable_command_of(row: BillingOperation) -> Command[Any] | None:
    """The command of a row; None where it cannot be read."""
    try:
        return command_of(row)
    except ConfigurationError:
        return None
