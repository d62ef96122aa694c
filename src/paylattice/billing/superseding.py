"""Which of several changes of one subscription is the last one: by tickets, as two machines' clocks may be an hour apart.

What is older is not sent once something newer is written down. Two that are in flight at once are written down before either is
sent, so that at least one of them sees the other; and each looks, after its own has taken effect and before its line is closed,
whether the newest is in effect. So the one that took effect last is looked after, also if its process dies in between.
"""

import logging
from collections.abc import Mapping
from typing import Any, Generic, cast

from ..errors import ConfigurationError, Conflict
from ..idempotency import sub_key
from ..models import SubscriptionChange
from ..provider import BaseProvider
from .lookups import arguments_of, is_changed, subscription_of
from .records import BillingOperation, OperationState
from .repository import Tx
from .store import Store

__all__ = ["CANCEL", "CHANGE", "SETS_A_STATE", "Superseding"]

_log = logging.getLogger("paylattice")
CANCEL = "cancel_subscription"
CHANGE = "change_subscription"
SETS_A_STATE = frozenset({CANCEL, CHANGE})
"""Operations of which the last one counts, and whose effect can be seen on the subscription."""
_PAGE = 100
_MOST_ROUNDS = 5
_NOT_DONE = frozenset({OperationState.FAILED, OperationState.ABANDONED})


class Superseding(Generic[Tx]):
    """Looks at the journal's lines about one subscription.

    Args:
        store: where the journal is.
    """

    def __init__(self, store: Store[Tx]) -> None:
        self._store = store

    async def is_superseded(self, known: BillingOperation) -> bool:
        """Whether something else was asked for of the same subscription later, and was done, or may have been."""
        if known.operation not in SETS_A_STATE:
            return False
        return any(_is_after(each, known) for each in await self._about(known, after=known))

    async def rivals(self, known: BillingOperation) -> tuple[bool, bool]:
        """What else is written down about the subscription, just after this was.

        Returns:
            Whether something newer is, so that this must not be sent; and whether something older is open, which may take
            effect after this.
        """
        if known.operation not in SETS_A_STATE:
            return False, False
        others = [each for each in await self._about(known) if each.key != known.key]
        newer = any(_is_after(each, known) and _asks_otherwise(each, known) for each in others)
        older_in_flight = any(_is_after(known, each) and each.state is OperationState.OPEN for each in others)
        return newer, older_in_flight

    async def let_the_last_one_win(
        self, provider: BaseProvider, sent: BillingOperation, result: object, *, contested: bool
    ) -> None:
        """See to it, after a change was sent, that a newer one which was in flight meanwhile is in effect.

        It is sent again, under a key of its own, only where the subscription has what an older change asked for, and not what
        the newest did: anything else was changed by somebody else since.

        Args:
            provider: whose subscription it is.
            sent: what was sent, or may have been.
            result: what the provider answered; None: not known.
            contested: whether something older may have taken effect after it.

        Raises:
            PaymentError: it cannot be found out now.
        """
        waits_for_the_payer = isinstance(result, SubscriptionChange) and result.approval_url is not None
        if sent.operation != CHANGE or waits_for_the_payer:
            return
        for number in range(_MOST_ROUNDS):
            changes = [each for each in await self._about(sent) if each.operation == CHANGE]
            newest = next((each for each in reversed(changes) if each.state not in _NOT_DONE), sent)
            if newest.key == sent.key and not contested:
                return
            older = [each for each in changes if each.key != newest.key and each.state is not OperationState.FAILED]
            subscription = await subscription_of(provider, newest)
            if subscription is None or is_changed(subscription, newest.arguments):
                return
            if not any(is_changed(subscription, each.arguments) for each in older):
                return
            _log.warning(
                "an older change of a subscription at %s took effect after a newer one: sent again", sent.provider
            )
            again = cast("Mapping[str, Any]", arguments_of(newest))
            key = sub_key(newest.key, f"{number} {sent.key}")  # its own for everybody who looks, and each time they do
            await provider.change_subscription(**again, idempotency_key=key)
        message = "several changes of the subscription are under way: which one is in effect is looked at again later"
        raise Conflict(message, provider=sent.provider, operation=CHANGE, retryable=True)

    async def _about(self, known: BillingOperation, *, after: BillingOperation | None = None) -> list[BillingOperation]:
        """What was asked for of the same subscription, in the order of tickets."""
        found: list[BillingOperation] = []
        last = after
        while True:
            page = await self._store.list_operations(
                known.provider, external_id=str(known.arguments["subscription_id"]), after=last, limit=_PAGE
            )
            found += (each for each in page if each.operation in SETS_A_STATE)
            if len(page) < _PAGE:
                return found
            if page[-1] == last:
                message = "the repository's operations() does not go on after the operation that it is given"
                raise ConfigurationError(message, provider=known.provider)
            last = page[-1]


def _is_after(other: BillingOperation, known: BillingOperation) -> bool:
    return (other.ticket, other.key) > (known.ticket, known.key) and other.state is not OperationState.FAILED


def _asks_otherwise(other: BillingOperation, known: BillingOperation) -> bool:
    return (other.operation, dict(other.arguments)) != (known.operation, dict(known.arguments))
