"""The journal: what is sent to a provider is written down first, so that a crash leaves nothing in doubt for ever.

An operation is stored as OPEN before its request leaves. A definite answer closes it; an unknown outcome, or a process that
dies, leaves it OPEN. Whoever finishes it later sends the same request under the same key, which has one effect, however
often it is sent, as long as the provider remembers the key; after that the object is looked up instead.

What is DONE is not sent again. What somebody has since asked for otherwise is not sent again either: a change of plan that
was left open must not undo the change that came after it.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeAlias, cast

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
from ..guard import checked
from ..idempotency import new_key
from ..models import Customer, SubscriptionChange
from ..operations import Capability
from ..provider import BaseProvider
from .lookups import arguments_of, find_effect, is_changed, subscription_of
from .records import BillingOperation, OperationState
from .repository import Tx
from .store import Store
from .superseding import CANCEL, CHANGE, SETS_A_STATE, Superseding

__all__ = [
    "ASSIGN",
    "CANCEL",
    "CHANGE",
    "CHECKOUT",
    "CREATE_CUSTOMER",
    "USAGE",
    "Journal",
    "Keep",
    "check_same",
    "is_used_up",
]

_log = logging.getLogger("paylattice")

CREATE_CUSTOMER = "create_customer"
CHECKOUT = "create_checkout_session"
USAGE = "create_usage_record"
ASSIGN = "assign_subscription"
"""What the application decided, and is sent to nobody: that a subscription is an organisation's, as it is."""

Keep: TypeAlias = Callable[[BillingOperation, object, Tx], Awaitable[None]]
"""Stores what an operation has made, in the transaction that closes it: gets the operation, its result, the transaction."""

_OF_THE_ATTEMPT = (
    AuthenticationError,
    ConfigurationError,
    InvalidResponse,
    NetworkError,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
)
"""Refusals of one attempt: the provider has not answered the operation itself, and the key is as good as before."""

_OF_THE_ATTEMPT_BY_NAME = frozenset(kind.__name__ for kind in _OF_THE_ATTEMPT)
_MARGIN = timedelta(minutes=5)
"""How long before the end of its life a key is not trusted any more: sending takes time, and clocks differ."""
_PAGE = 100


def is_used_up(known: BillingOperation) -> bool:
    """Whether the provider has refused the operation itself: it would only repeat that answer to this key."""
    return known.state is OperationState.FAILED and known.error not in _OF_THE_ATTEMPT_BY_NAME


class Journal(Generic[Tx]):
    """Sends what changes something, and keeps a record of it.

    Args:
        store: where the records are.
        clock: the time, aware.
    """

    def __init__(self, store: Store[Tx], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._superseding = Superseding(store)

    async def run(
        self,
        provider: BaseProvider,
        operation: str,
        org_id: str,
        key: str,
        arguments: Mapping[str, object],
        *,
        keep: Keep[Tx] | None = None,
        reference: str | None = None,
    ) -> object:
        """Do it, once, however often this is called with the same key.

        Args:
            provider: who does it.
            operation: the provider's method.
            org_id: for whom.
            key: the idempotency key.
            arguments: of the method, without the key.
            keep: stores the result together with the end of the operation.
            reference: kept with it, see :class:`BillingOperation`.

        Returns:
            What the method returns.

        Raises:
            InvalidRequest: an argument is wrong; nothing was written down.
            Conflict: something else was asked for of the subscription just now, and this was not sent.
            IdempotencyMismatch: the key was used for something else, or too long ago for the provider to know it.
            PaymentError: what the method raises.
        """
        with checked(provider, operation, {**arguments, "idempotency_key": key}):
            return await self._run(provider, operation, org_id, key, arguments, keep, reference)

    async def _run(
        self,
        provider: BaseProvider,
        operation: str,
        org_id: str,
        key: str,
        arguments: Mapping[str, object],
        keep: Keep[Tx] | None,
        reference: str | None,
    ) -> object:
        intent = BillingOperation(
            provider=provider.get_provider_name(),
            key=key,
            operation=operation,
            org_id=org_id,
            arguments=_stored(arguments),
            created_at=self._clock(),
            ticket=await self._store.next_ticket(),
            external_id=str(arguments["subscription_id"]) if operation in SETS_A_STATE else None,
            reference=reference,
        )
        if await self._store.insert_operation(intent):
            superseded, contested = await self._superseding.rivals(intent)
            if superseded:
                await self._close(intent, OperationState.ABANDONED)
                raise _superseded(intent)
            return await self._send(provider, intent, keep, first=True, contested=contested)
        known = await self._store.get_operation(intent.provider, key)
        if known is None:
            message = "the journal holds another operation under this key, and does not show it"
            raise Conflict(message, provider=intent.provider, operation=operation)
        check_same(known, operation, org_id, arguments)
        return await self.repeat(provider, known, keep=keep)

    async def note(
        self, provider: str, operation: str, org_id: str, arguments: Mapping[str, object], *, external_id: str
    ) -> None:
        """Write down what was decided here, and is sent to nobody.

        Args:
            provider: whose object it is about.
            operation: what was decided.
            org_id: for whom.
            arguments: more about it.
            external_id: the provider's id of the object.
        """
        now = self._clock()
        await self._store.insert_operation(
            BillingOperation(
                provider=provider,
                key=new_key(),
                operation=operation,
                org_id=org_id,
                arguments=_stored(arguments),
                created_at=now,
                state=OperationState.DONE,
                external_id=external_id,
                closed_at=now,
                ticket=await self._store.next_ticket(),
            )
        )

    async def repeat(self, provider: BaseProvider, known: BillingOperation, *, keep: Keep[Tx] | None = None) -> object:
        """Do again, on somebody's behalf, what the journal holds: the effect is there once afterwards.

        Raises:
            Conflict: something else was asked for of the subscription since.
            IdempotencyMismatch: it cannot be found out whether it was done, and doing it now could do it twice.
            PaymentError: what the method raises.
        """
        if known.state is OperationState.DONE:
            return await self._as_it_was_done(provider, known)
        if await self._superseding.is_superseded(known):
            if known.state is OperationState.OPEN:
                await self._give_way(provider, known)
            raise _superseded(known)
        forgotten = await self._is_forgotten(provider, known)
        if forgotten and known.state is not OperationState.FAILED:
            found = await self._look_up(provider, known)
            if found is not None:
                await self._done(known, found, keep)
                return found
            if known.operation == USAGE:
                raise _too_long_ago(known)
        intent = known
        if forgotten or known.state is not OperationState.OPEN:
            begun = self._clock() if forgotten else known.created_at
            intent = attrs.evolve(known, state=OperationState.OPEN, created_at=begun, error=None, closed_at=None)
            await self._store.update_operation(intent)
        first = known.state is OperationState.FAILED
        return await self._send(provider, intent, keep, first=first, contested=True)

    async def settle(
        self, provider: BaseProvider, known: BillingOperation, *, keep: Keep[Tx] | None = None
    ) -> BillingOperation:
        """Find out what became of an operation that was left open, and close it.

        It is ABANDONED where doing it now could be wrong: something newer was asked for of the subscription; the
        organisation has subscribed meanwhile, and needs no checkout; or the provider has forgotten the key, and it cannot
        be seen that it was done.

        Raises:
            PaymentError: it cannot be found out now.
        """
        if await self._superseding.is_superseded(known):
            await self._give_way(provider, known)
        elif await self._is_not_needed(known):
            await self._close(known, OperationState.ABANDONED)
        elif await self._is_forgotten(provider, known):
            found = await self._look_up(provider, known)
            if found is None:
                await self._close(known, OperationState.ABANDONED)
            else:
                await self._done(known, found, keep)
        else:
            try:
                await self._send(provider, known, keep, contested=True)
            except PaymentError:
                after = await self._store.get_operation(known.provider, known.key)
                if after is None or after.state is OperationState.OPEN:
                    raise
                return after
        return await self._store.get_operation(known.provider, known.key) or known

    async def what_was_made(self, provider: BaseProvider, known: BillingOperation) -> Customer | None:
        """The customer that a creation that is DONE has made; None if it was deleted since."""
        if known.external_id is None:
            made = await self._send(provider, known)
            return made if isinstance(made, Customer) else None
        if Capability.CUSTOMERS in provider.capabilities:
            found = await provider.get_customer(known.external_id)
            just_made = known.closed_at is not None and abs(self._clock() - known.closed_at) < _MARGIN
            if found is not None or not just_made:  # some providers take a moment until they show what they have made
                return found
        return Customer(known.external_id, provider=known.provider)

    # --- what must not be sent again -----------------------------------------------------------------------------

    async def _is_forgotten(self, provider: BaseProvider, known: BillingOperation) -> bool:
        """Whether the provider may have forgotten the key, by whichever clock makes it older.

        That is this machine's, the one that wrote it down, or one that has written something down since. What was written
        down in the future is of an age that nobody knows.
        """
        lifetime, now = provider.idempotency_lifetime, self._clock()
        margin = min(_MARGIN, lifetime / 10)
        if known.created_at - now > margin or now - known.created_at >= lifetime - margin:
            return True
        since = await self._store.list_operations(known.provider, after=known, limit=_PAGE)
        moments = [now, known.created_at, *(each.created_at for each in since)]
        return max(moments) - min(moments) >= lifetime - margin

    async def _give_way(self, provider: BaseProvider, known: BillingOperation) -> None:
        """Give up what was superseded: it may have been done, and even after what is newer."""
        await self._superseding.let_the_last_one_win(provider, known, None, contested=False)
        await self._close(known, OperationState.ABANDONED)

    async def _is_not_needed(self, known: BillingOperation) -> bool:
        """Whether it is a checkout that nobody waits for: its page was never shown, and there is a subscription now."""
        if known.operation != CHECKOUT:
            return False
        customer = await self._store.get_customer(known.org_id, known.provider)
        if customer is None:
            return True
        stored = await self._store.list_subscriptions(customer.id)
        return any(not each.status.is_terminal for each in stored)

    async def _as_it_was_done(self, provider: BaseProvider, known: BillingOperation) -> object:
        """What came of an operation that is DONE, without doing it again where that can be told."""
        match known.operation:
            case "create_usage_record":
                return True
            case "cancel_subscription":
                subscription = await subscription_of(provider, known)
                if subscription is not None:
                    return subscription
            case "change_subscription":
                subscription = await subscription_of(provider, known)
                changed = subscription is not None and is_changed(subscription, known.arguments)
                if subscription is not None and (changed or await self._superseding.is_superseded(known)):
                    return SubscriptionChange(subscription)
            case _:
                pass
        if not await self._is_forgotten(provider, known):
            return await self._send(provider, known)
        found = await self._look_up(provider, known)
        if found is None:
            raise _too_long_ago(known)
        return found

    # --- sending -------------------------------------------------------------------------------------------------

    async def _send(
        self,
        provider: BaseProvider,
        intent: BillingOperation,
        keep: Keep[Tx] | None = None,
        *,
        first: bool = False,
        contested: bool = False,
    ) -> object:
        """Send it under its key.

        Args:
            provider: to whom.
            intent: what.
            keep: see :meth:`run`.
            first: whether nobody has sent it before, as far as this process knows.
            contested: whether something older may take effect after it.
        """
        try:
            method = getattr(provider, intent.operation)
            result: object = await method(**arguments_of(intent), idempotency_key=intent.key)
        except OutcomeUnknown:
            await self._stays_open(intent)
            raise
        except PaymentError as error:
            if intent.state is not OperationState.DONE and _refuses(error, intent, first=first):
                seen = not first and intent.operation in SETS_A_STATE  # it may be refused because it was done before
                found = await find_effect(provider, intent) if seen else None
                if found is not None:
                    await self._done(intent, found, keep)
                    return found
                await self._close(intent, OperationState.FAILED, error=type(error).__name__)
            raise
        if result is False:
            await self._close(intent, OperationState.FAILED, error="NotAccepted")
        elif await self._is_the_last_one(provider, intent, result, contested=contested):
            await self._done(intent, result, keep)
        return result

    async def _is_the_last_one(
        self, provider: BaseProvider, intent: BillingOperation, result: object, *, contested: bool
    ) -> bool:
        """Whether it is over: what is in effect is what was asked for last. Otherwise it stays open, for ``recover_open``."""
        if intent.state is OperationState.DONE:
            return True
        try:
            await self._superseding.let_the_last_one_win(provider, intent, result, contested=contested)
        except PaymentError as error:
            _log.warning("a change of a subscription at %s stays open: %s", intent.provider, type(error).__name__)
            return False
        return True

    async def _stays_open(self, intent: BillingOperation) -> None:
        """Take back what another worker noted meanwhile of an attempt of its own: this one may have succeeded."""
        if intent.state is OperationState.OPEN:
            stored = await self._store.get_operation(intent.provider, intent.key)
            if stored is not None and stored.state is OperationState.FAILED:
                await self._store.update_operation(intent)

    async def _done(self, intent: BillingOperation, result: object, keep: Keep[Tx] | None = None) -> None:
        made = result.subscription if isinstance(result, SubscriptionChange) else result
        external_id, reference = getattr(made, "id", None), getattr(made, "reference", None)
        if intent.state is OperationState.DONE and intent.external_id == external_id:
            return
        if keep is None:
            await self._close(intent, OperationState.DONE, external_id=external_id, reference=reference)
            return
        async with self._store.transaction() as tx:
            await self._close(intent, OperationState.DONE, external_id=external_id, reference=reference, tx=tx)
            await keep(intent, result, tx)

    async def _close(
        self,
        intent: BillingOperation,
        state: OperationState,
        *,
        external_id: str | None = None,
        reference: str | None = None,
        error: str | None = None,
        tx: Tx | None = None,
    ) -> None:
        """Note how it ended; not over what another worker's attempt under the same key has brought."""
        closed = attrs.evolve(
            intent,
            state=state,
            external_id=external_id or intent.external_id,
            reference=reference or intent.reference,
            error=error,
            closed_at=self._clock(),
        )
        await self._store.update_operation(closed, tx=tx)

    async def _look_up(self, provider: BaseProvider, known: BillingOperation) -> object | None:
        if known.operation == CREATE_CUSTOMER and known.external_id is not None:
            return await self.what_was_made(provider, known)
        return await find_effect(provider, known)


def check_same(known: BillingOperation, operation: str, org_id: str, arguments: Mapping[str, object]) -> None:
    """Refuse a key that was used for something else.

    Args:
        known: what it was used for.
        operation: what it is to be used for now.
        org_id: for whom.
        arguments: those that the caller chose.

    Raises:
        IdempotencyMismatch: operation, organisation or one of the arguments differs.
    """
    before = {name: known.arguments.get(name) for name in arguments}
    if (known.operation, known.org_id, before) != (operation, org_id, dict(_stored(arguments))):
        message = (
            "this idempotency key was used before with other parameters. Use the same parameters to repeat that "
            "operation, or a new key for a new one"
        )
        raise IdempotencyMismatch(message, provider=known.provider, operation=operation, idempotency_key=known.key)


def _superseded(known: BillingOperation) -> Conflict:
    message = (
        "the subscription was changed by a newer operation since this one was asked for: it is not done any more. "
        "A new operation needs a new key"
    )
    return Conflict(message, provider=known.provider, operation=known.operation, idempotency_key=known.key)


def _too_long_ago(known: BillingOperation) -> IdempotencyMismatch:
    message = (
        "this idempotency key was used so long ago that the provider has forgotten it: sending it again could do it "
        "twice. Check at the provider whether it was done; a new operation needs a new key"
    )
    return IdempotencyMismatch(message, provider=known.provider, operation=known.operation, idempotency_key=known.key)


def _refuses(error: PaymentError, intent: BillingOperation, *, first: bool) -> bool:
    """Whether an error says that nothing was changed: by this attempt, nor by one before it."""
    if isinstance(error, Conflict) and error.retryable:
        # somebody holds the object, or is using this very key: only what may be asked for anew is given up
        return first and intent.operation in SETS_A_STATE
    return first or not isinstance(error, _OF_THE_ATTEMPT)


def _stored(arguments: Mapping[str, object]) -> Mapping[str, object]:
    """The arguments, ready for JSON, and the same whenever they mean the same."""
    return {name: _plain(value) for name, value in arguments.items()}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return dict(cast("Mapping[str, str]", value)) if isinstance(value, Mapping) else value
