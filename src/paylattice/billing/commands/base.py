"""What every command is: one thing that billing asks of a provider, as a frozen value.

A command says everything that the operation log has to know of it: how it is stored, how it is sent, how its effect is found
when the provider has forgotten the key, and what it supersedes. A new command is one class here, and no change to the log.
"""

import functools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import attrs

from ...errors import ConfigurationError, MalformedPayload, PaymentError
from ...provider import BaseProvider
from ...serialization import converter
from ..records import BillingOperation
from ..store import Store

if TYPE_CHECKING:
    from datetime import datetime

    from cattrs import Converter

__all__ = ["Command", "Made", "decided_here", "not_sent"]

R = TypeVar("R")

_DECIDED_HERE = "decided_here"
_NOT_SENT = "not_sent"


def decided_here(empty: object = "") -> Any:
    """A field that billing decides, not the caller: which customer, which subscription. Empty until it is decided."""
    return attrs.field(default=empty, metadata={_DECIDED_HERE: True})


def not_sent(default: object) -> Any:
    """A field that the operation does not take: it says why the others are as they are."""
    return attrs.field(default=default, metadata={_NOT_SENT: True})


@functools.cache
def _converter() -> "Converter":
    return converter()


@attrs.frozen
class Made:
    """What a command has made at the provider, as its row keeps it.

    Args:
        external_id: the provider's id of it; None: what the row says already.
        reference: what the provider's events call it by, where that is not its id.
    """

    external_id: str | None = None
    reference: str | None = None


@attrs.frozen
class Command(ABC, Generic[R]):
    """One thing that billing asks of a provider. Its fields are what it is asked with, named as in the protocol."""

    kind: ClassVar[str]
    """What its rows are called: the ``operation`` of a :class:`~paylattice.BillingOperation`."""
    version: ClassVar[int] = 1
    """Of the fields: counted up when rows of before can no longer be read as they are."""
    operation: ClassVar[str]
    """The operation of the protocol that it is sent with, whose rules its fields must keep."""
    looks_first: ClassVar[bool] = False
    """Whether it looks at what is there before it changes anything: then it is sent until all of it is done, whatever was
    forgotten, and whatever was refused."""
    sets_a_state: ClassVar[bool] = False
    """Whether its effect is a state that can be read: then a refusal may only say that it was done before."""
    has_record: ClassVar[bool] = False
    """Whether :meth:`record` stores anything."""
    events_may_wait: ClassVar[bool] = False
    """Whether events of what it brings may have come before it was known to be the organisation's."""

    # --- what it is asked with -----------------------------------------------------------------------------------

    def arguments(self) -> dict[str, object]:
        """What the operation is called with, but for the key."""
        fields = attrs.fields(type(self))
        return {field.name: getattr(self, field.name) for field in fields if _NOT_SENT not in field.metadata}

    def asks_the_same(self, other: object) -> bool:
        """Whether the other command is the same request: fields that billing decides do not count."""
        if type(other) is not type(self):
            return False
        return all(
            getattr(self, field.name) == getattr(other, field.name)
            for field in attrs.fields(type(self))
            if not field.metadata.get(_DECIDED_HERE)
        )

    @property
    def may_be_sent_anew(self) -> bool:
        """Whether its caller may have it sent once more although the provider has forgotten the key and its effect is not seen.

        So it is harmless if it is done twice. Never so for money, usage, and what counts from a quantity.
        """
        return False

    @property
    def target(self) -> str | None:
        """The provider's id of the subscription whose state it sets; None: it sets the state of none."""
        return None

    @property
    def changed(self) -> str | None:
        """The provider's id of the subscription that is another one afterwards, and is read then; None: none is."""
        return self.target

    def supersedes(self, other: "Command[Any]") -> bool:
        """Whether the other one, which was asked for earlier, must not be sent any more once this was asked for."""
        return False

    def ticket_of(self, row: BillingOperation) -> int:
        """Its place among the commands of one subscription: its row's, or a later one where it was decided later."""
        return row.ticket

    def not_decided(self) -> Self:
        """It, as it was before billing decided what only holds for the attempt that is made then."""
        return self

    # --- how it is stored ----------------------------------------------------------------------------------------

    def to_json(self) -> Mapping[str, object]:
        """The fields and their version, ready for JSON."""
        return {"version": self.version, **_converter().unstructure(self)}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """The command of a row.

        Raises:
            ConfigurationError: another version of paylattice wrote it, or it is damaged.
        """
        fields = {name: value for name, value in data.items() if name != "version"}
        known = {field.name for field in attrs.fields(cls)}
        try:
            if data.get("version") == cls.version and fields.keys() <= known:
                return _converter().structure(fields, cls)
        except MalformedPayload as error:
            why = error.message
        else:
            why = (
                f"its version is {str(data.get('version'))[:20]!r}" if fields.keys() <= known else "it has more fields"
            )
        message = (
            f"the operation log holds a {cls.kind} that this version of paylattice cannot read: {why}. "
            "If a newer version wrote it, let that one finish it"
        )
        raise ConfigurationError(message, operation=cls.kind)

    # --- how it is sent ------------------------------------------------------------------------------------------

    @abstractmethod
    async def send(self, provider: BaseProvider, key: str) -> R:
        """Send it.

        Args:
            provider: the provider that gets it.
            key: the idempotency key.

        Raises:
            PaymentError: what the operation raises.
        """

    def was_accepted(self, answer: R) -> bool:
        """Whether the answer says that it was done."""
        return True

    def waits_for_payer(self, answer: R) -> bool:
        """Whether the answer says that it takes effect only once the payer agrees."""
        return False

    def made(self, answer: R) -> Made:
        """What its row is to say of what it has made."""
        return Made()

    def left_behind(self, error: PaymentError) -> str | None:
        """The provider's id of what it has made although it ended in an error; None: nothing was made."""
        return None

    async def record(
        self,
        row: BillingOperation,
        answer: R,
        store: Store[Any],
        *,
        now: "datetime",
        tx: Any,
    ) -> None:
        """Store what it has made, in the transaction that closes its row.

        Args:
            row: its row, as it was before.
            answer: what it was answered.
            store: where to.
            now: the time, aware.
            tx: the transaction.
        """

    # --- its effect ----------------------------------------------------------------------------------------------

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> R | None:
        """What it has made or changed, found at the provider without its key; None: it cannot be seen that it has.

        Args:
            provider: where.
            row: its row, for when it was first sent, under which key, and what is known of its effect.

        Raises:
            PaymentError: it cannot be found out now.
        """
        return None

    async def is_undone(self, provider: BaseProvider) -> bool:
        """Whether it can be seen that it has had no effect, where an attempt before a refusal left that open.

        Raises:
            PaymentError: it cannot be found out now.
        """
        return False

    async def read_done(self, provider: BaseProvider, row: BillingOperation, *, superseded: bool) -> R | None:
        """The answer of a command that is done, read again instead of sent again; None: it cannot be read.

        Args:
            provider: where.
            row: its row.
            superseded: whether something newer has been asked for since: then what is there is the answer.

        Raises:
            PaymentError: it cannot be found out now.
        """
        return None

    async def is_wanted(self, row: BillingOperation, store: Store[Any]) -> bool:
        """Whether its organisation still needs it, when it was left open and is about to be sent by the scheduled job."""
        return True
