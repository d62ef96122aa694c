"""What a migration tells your application, in the transaction that stores it."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from inspect import isawaitable
from typing import Generic, TypeAlias, TypeVar

import attrs

from ..billing.records import BillingCustomer, BillingMigration
from ..billing.repository import Tx
from ..errors import ConfigurationError

__all__ = ["MigrationContext", "MigrationEvent", "MigrationEventType", "MigrationHandlers"]


class MigrationEventType(StrEnum):
    """What has happened to a migration."""

    CONSENT_NEEDED = "migration.consent_needed"
    """The customer must agree on the page. It comes again with a reminder, and with each new page."""
    CONSENTED = "migration.consented"
    """The customer has agreed."""
    COMPLETED = "migration.completed"
    """The target was paid, and the source has ended."""
    FAILED = "migration.failed"
    """It has failed, or the first payment at the target has. The reason is in the record."""


@attrs.frozen
class MigrationEvent:
    """An event.

    Args:
        type: what has happened.
        migration: the record, as it is stored now.
        url: the page where the customer agrees; None: there is none to show.
    """

    type: MigrationEventType
    migration: BillingMigration
    url: str | None = attrs.field(default=None, repr=False)


@attrs.frozen
class MigrationContext(Generic[Tx]):
    """What a handler gets with the event.

    Args:
        customer: the organisation's record at the source.
        transaction: what you write with it commits with the step, exactly once.
    """

    customer: BillingCustomer | None
    transaction: Tx


_Handler: TypeAlias = Callable[[MigrationEvent, MigrationContext[Tx]], Awaitable[None] | None]
H = TypeVar("H", bound=Callable[..., Awaitable[None] | None])


class MigrationHandlers(Generic[Tx]):
    """The handlers, by the name of the event."""

    def __init__(self) -> None:
        self._by_type: dict[MigrationEventType, list[_Handler[Tx]]] = {}

    def on(self, event_type: MigrationEventType | str) -> Callable[[H], H]:
        """Register the decorated function.

        Raises:
            ConfigurationError: there is no such event.
        """
        known = {str(each): each for each in MigrationEventType}
        if str(event_type) not in known:
            message = f"there is no event {str(event_type)[:60]!r}; there are {', '.join(known)}"
            raise ConfigurationError(message)

        def register(function: H) -> H:
            self._by_type.setdefault(known[str(event_type)], []).append(function)
            return function

        return register

    async def run(self, event: MigrationEvent, context: MigrationContext[Tx]) -> None:
        """Run the handlers of the event, in the order of registration."""
        for handler in self._by_type.get(event.type, ()):
            result = handler(event, context)
            if isawaitable(result):
                await result
