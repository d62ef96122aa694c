"""Rows of the operation log, read: the command that each holds, and what an error says about it."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import attrs

from ..errors import (
    AuthenticationError,
    ConfigurationError,
    Conflict,
    Declined,
    IdempotencyMismatch,
    InvalidResponse,
    NetworkError,
    PaymentError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
from .commands import WITH_TOKENS, Command, command_of, readable_command_of
from .records import BillingOperation, OperationState

__all__ = [
    "Entry",
    "arguments_without_tokens",
    "entry_of",
    "forgotten_error",
    "is_consumed",
    "leaves_in_doubt",
    "refuses",
    "same_entry",
    "superseded_error",
]

AnyCommand = TypeVar("AnyCommand", bound=Command[Any])
AnyCommand_co = TypeVar("AnyCommand_co", bound=Command[Any], covariant=True)

_OF_THE_ATTEMPT = (
    AuthenticationError,
    ConfigurationError,
    InvalidResponse,
    NetworkError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
"""Errors of one attempt: the provider has not answered the command itself, and the key is as good as before."""

_OF_THE_ATTEMPT_BY_NAME = frozenset(kind.__name__ for kind in _OF_THE_ATTEMPT)


@attrs.frozen
class Entry(Generic[AnyCommand_co]):
    """A row of the operation log, read.

    Args:
        row: the row.
        command: what it holds.
    """

    row: BillingOperation
    command: AnyCommand_co


def entry_of(row: BillingOperation) -> Entry[Command[Any]]:
    """The row, read.

    Raises:
        ConfigurationError: this version of paylattice cannot read it.
    """
    return Entry(row, command_of(row))


def is_consumed(row: BillingOperation) -> bool:
    """Whether the row's key is consumed: the provider has refused the command itself, and would only repeat that answer."""
    return row.state is OperationState.FAILED and row.error not in _OF_THE_ATTEMPT_BY_NAME


def same_entry(row: BillingOperation, command: AnyCommand, org_id: str) -> Entry[AnyCommand]:
    """The row, read, if it holds what the caller asks for now.

    Raises:
        IdempotencyMismatch: the key was used for something else.
        ConfigurationError: the row cannot be read.
    """
    if (row.operation, row.org_id) == (command.kind, org_id):
        known = type(command).from_json(row.arguments)
        if known.asks_the_same(command):
            return Entry(row, known.with_tokens_of(command))
    message = (
        "this idempotency key was used before with other parameters. Use the same parameters to repeat that "
        "operation, or a new key for a new one"
    )
    raise IdempotencyMismatch(message, provider=row.provider, operation=command.operation, idempotency_key=row.key)


def arguments_without_tokens(row: BillingOperation) -> Mapping[str, object] | None:
    """What a row was asked with, with digests in place of tokens; None: there are none, or it cannot be read."""
    command = readable_command_of(row) if row.operation in WITH_TOKENS else None
    return None if command is None else command.without_tokens().to_json()


def superseded_error(row: BillingOperation, command: Command[Any]) -> Conflict:
    """Return the error of a command that a newer one has replaced."""
    message = (
        f"the {command.subject} was changed by a newer operation since this one was asked for: it is not done any more. "
        "A new operation needs a new key"
    )
    return Conflict(message, provider=row.provider, operation=command.operation, idempotency_key=row.key)


def forgotten_error(row: BillingOperation, command: Command[Any]) -> IdempotencyMismatch:
    """Return the error of a command whose key the provider has forgotten, and whose effect cannot be found."""
    message = (
        "this idempotency key was used so long ago that the provider has forgotten it: sending it again could do it "
        "twice. Check at the provider whether it was done; a new operation needs a new key"
    )
    return IdempotencyMismatch(message, provider=row.provider, operation=command.operation, idempotency_key=row.key)


def refuses(error: PaymentError, command: Command[Any], *, first: bool) -> bool:
    """Whether an error says that nothing was changed: by this attempt, nor by one before it."""
    if command.looks_first:
        return False  # a part of it may be done: it is looked at again until all of it is
    if isinstance(error, Conflict) and error.retryable:
        # the object is held, or this very key is in use: only what may be asked for anew is given up
        return first and command.sets_a_state
    return first or not isinstance(error, _OF_THE_ATTEMPT)


def leaves_in_doubt(error: PaymentError, command: Command[Any], *, first: bool) -> bool:
    """Whether an earlier attempt under the key may have had an effect, whatever was the error of this one.

    Its answer was lost. What refuses a later attempt may not even have asked the provider about the key: the customer is gone,
    say, or the operation is not supported any more. Only a decline is the answer of the key itself. So what must not be done
    twice stays open until its effect is found, or it is given up and reported: what is FAILED has certainly not been done.
    """
    return not first and not command.may_be_sent_anew and not isinstance(error, Declined)
