"""The journal: what is sent to a provider is written down first, so that a crash leaves nothing in doubt for ever.

An operation is stored as OPEN before its request leaves. A definite answer closes it; an unknown outcome, or a process that
dies, leaves it OPEN. Whoever finishes it later sends the same request under the same key, which has one effect, however
often it is sent, as long as the provider remembers the key; after that the object is looked up instead.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, cast

import attrs

from ..errors import (
    AuthenticationError,
    ConfigurationError,
    Conflict,
    IdempotencyMismatch,
    InvalidResponse,
    NetworkError,
    OutcomeUnknown,
    PaymentError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
from ..models import Subscription, SubscriptionChange
from ..operations import Capability
from ..provider import BaseProvider
from .records import BillingOperation, OperationState
from .repository import BillingRepository, Tx

__all__ = ["Journal"]

_SAYS_NOTHING_OF_EARLIER_ATTEMPTS = (
    AuthenticationError,
    ConfigurationError,
    Conflict,
    InvalidResponse,
    NetworkError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
"""Refusals of this attempt alone: what an attempt before it did is as unknown as it was."""


class Journal(Generic[Tx]):
    """Sends what changes something, and keeps a record of it.

    Args:
        repository: where the records are.
        clock: the time, aware.
    """

    def __init__(self, repository: BillingRepository[Tx], clock: Callable[[], datetime]) -> None:
        self._repository = repository
        self._clock = clock

    async def run(
        self, provider: BaseProvider, operation: str, org_id: str, key: str, arguments: Mapping[str, object]
    ) -> object:
        """Do it, once, however often this is called with the same key.

        Args:
            provider: who does it.
            operation: the provider's method.
            org_id: for whom.
            key: the idempotency key.
            arguments: of the method, without the key.

        Returns:
            What the method returns.

        Raises:
            IdempotencyMismatch: the key was used for something else, or too long ago for the provider to know it.
            PaymentError: what the method raises.
        """
        intent = BillingOperation(
            provider=provider.get_provider_name(),
            key=key,
            operation=operation,
            org_id=org_id,
            arguments=_stored(arguments),
            created_at=self._clock(),
        )
        if await self._repository.insert_operation(intent):
            return await self._send(provider, intent, first=True)
        known = await self._repository.get_operation(intent.provider, key)
        if known is None:
            message = "the journal holds another operation under this key, and does not show it"
            raise Conflict(message, provider=intent.provider, operation=operation)
        same = (known.operation, known.org_id, dict(known.arguments))
        if same != (intent.operation, intent.org_id, dict(intent.arguments)):
            message = (
                "this idempotency key was used before with other parameters. Use the same parameters to repeat that "
                "operation, or a new key for a new one"
            )
            raise IdempotencyMismatch(message, provider=intent.provider, operation=operation, idempotency_key=key)
        return await self.repeat(provider, known)

    async def repeat(self, provider: BaseProvider, known: BillingOperation) -> object:
        """Do again, on somebody's behalf, what the journal holds: the effect is there once afterwards."""
        if known.state in {OperationState.FAILED, OperationState.ABANDONED}:
            again = attrs.evolve(known, state=OperationState.OPEN, created_at=self._clock(), error=None, closed_at=None)
            await self._repository.update_operation(again)
            return await self._send(provider, again, first=known.state is OperationState.FAILED)
        if not self._is_forgotten(provider, known):
            return await self._send(provider, known)
        found = await self._look_up(provider, known)
        if found is not None:
            await self._done(known, found)
            return found
        if known.operation == "create_usage_record" or known.state is OperationState.DONE:
            message = (
                "this idempotency key was used so long ago that the provider has forgotten it: sending it again could do it "
                "twice. Check at the provider whether it was done; a new operation needs a new key"
            )
            raise IdempotencyMismatch(
                message, provider=known.provider, operation=known.operation, idempotency_key=known.key
            )
        again = attrs.evolve(known, created_at=self._clock())
        await self._repository.update_operation(again)
        return await self._send(provider, again)

    async def settle(self, provider: BaseProvider, known: BillingOperation) -> BillingOperation:
        """Find out what became of an operation that was left open, and close it.

        Raises:
            PaymentError: it cannot be found out now.
        """
        if not self._is_forgotten(provider, known):
            try:
                await self._send(provider, known)
            except PaymentError:
                after = await self._repository.get_operation(known.provider, known.key)
                if after is None or after.state is OperationState.OPEN:
                    raise
                return after
        else:
            found = await self._look_up(provider, known)
            if found is None:
                return await self._close(known, OperationState.ABANDONED)
            await self._done(known, found)
        return await self._repository.get_operation(known.provider, known.key) or known

    def _is_forgotten(self, provider: BaseProvider, known: BillingOperation) -> bool:
        return self._clock() - known.created_at >= provider.idempotency_lifetime

    async def _send(self, provider: BaseProvider, intent: BillingOperation, *, first: bool = False) -> object:
        try:
            method = getattr(provider, intent.operation)
            result: object = await method(**_arguments(intent), idempotency_key=intent.key)
        except OutcomeUnknown:
            raise
        except PaymentError as error:
            if first or not isinstance(error, _SAYS_NOTHING_OF_EARLIER_ATTEMPTS):
                await self._close(intent, OperationState.FAILED, error=type(error).__name__)
            raise
        await self._done(intent, result)
        return result

    async def _done(self, intent: BillingOperation, result: object) -> None:
        made = result.subscription if isinstance(result, SubscriptionChange) else result
        external_id, reference = getattr(made, "id", None), getattr(made, "reference", None)
        if intent.state is OperationState.DONE and intent.external_id == external_id:
            return
        await self._close(intent, OperationState.DONE, external_id=external_id, reference=reference)

    async def _close(
        self,
        intent: BillingOperation,
        state: OperationState,
        *,
        external_id: str | None = None,
        reference: str | None = None,
        error: str | None = None,
    ) -> BillingOperation:
        closed = attrs.evolve(
            intent, state=state, external_id=external_id, reference=reference, error=error, closed_at=self._clock()
        )
        await self._repository.update_operation(closed)
        return closed

    async def _look_up(self, provider: BaseProvider, known: BillingOperation) -> object | None:
        """What the operation made or changed, if it can be seen at the provider that it was done."""
        arguments = _arguments(known)
        match known.operation:
            case "create_customer":
                if known.external_id is not None and Capability.CUSTOMERS in provider.capabilities:
                    return await provider.get_customer(known.external_id)
                return await provider.find_created_customer(known.key, known.created_at, **cast("Any", arguments))
            case "create_checkout_session" if known.external_id is not None:
                return await provider.get_checkout_session(known.external_id)
            case "cancel_subscription":
                subscription = await provider.get_subscription(str(arguments["subscription_id"]))
                return subscription if subscription is not None and _is_ending(subscription) else None
            case "change_subscription":
                subscription = await provider.get_subscription(str(arguments["subscription_id"]))
                changed = subscription is not None and _is_changed(subscription, arguments)
                return SubscriptionChange(subscription) if subscription is not None and changed else None
            case _:
                return None


def _is_ending(subscription: Subscription) -> bool:
    return subscription.status.is_terminal or subscription.cancel_at is not None


def _is_changed(subscription: Subscription, arguments: Mapping[str, object]) -> bool:
    wanted = ((arguments.get("plan_id"), subscription.plan_id), (arguments.get("quantity"), subscription.quantity))
    return all(asked is None or asked == found for asked, found in wanted)


def _stored(arguments: Mapping[str, object]) -> Mapping[str, object]:
    """The arguments, ready for JSON."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in arguments.items()}


def _arguments(operation: BillingOperation) -> dict[str, object]:
    """The arguments as the method takes them."""
    arguments = dict(operation.arguments)
    if isinstance(arguments.get("timestamp"), str):
        arguments["timestamp"] = datetime.fromisoformat(cast("str", arguments["timestamp"]))
    return arguments
