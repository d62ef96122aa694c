"""What every command is: one thing that billing asks of a provider, as a frozen value.

A command says everything that the operation log has to know of it: how it is stored, how it is sent, how its effect is found
when the provider has forgotten the key, and what it supersedes. A new command is one class here, and no change to the log.
"""

import functools
import hashlib
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

__all__ = ["Command", "Made", "StateCommand", "decided_here", "not_sent", "serves_once"]

R = TypeVar("R")

_DECIDED_HERE = "decided_here"
_NOT_SENT = "not_sent"
_SERVES_ONCE = "serves_once"
_DIGEST = "sha256:"


def decided_here(empty: object = "") -> Any:
    """A field that billing decides, not the caller: which customer, which subscription. Empty until it is decided."""
    return attrs.field(default=empty, metadata={_DECIDED_HERE: True})


def not_sent(default: object) -> Any:
    """A field that the operation does not take: it says why the others are as they are."""
    return attrs.field(default=default, metadata={_NOT_SENT: True})


def serves_once(default: object = attrs.NOTHING) -> Any:
    """A token of the payer's browser. Once its command is over, a digest is kept in its place."""
    return attrs.field(default=default, repr=False, metadata={_SERVES_ONCE: True})


def _digested(value: object) -> object:
    """What tells one token from another, and is none."""
    if not isinstance(value, str) or value.startswith(_DIGEST):
        return value
    return _DIGEST + hashlib.sha256(value.encode()).hexdigest()


def _without(field: "attrs.Attribute[Any]") -> object:
    """What a field says once its organisation is forgotten."""
    if field.default is not attrs.NOTHING:
        return field.default
    return "https://erased.invalid/" if field.name.endswith("_url") else "erased"


def _asked(command: "Command[Any]", name: str) -> object:
    """What a caller has asked with, in a field: of a token, its digest, which may be all that is left of it."""
    value = getattr(command, name)
    if _SERVES_ONCE in getattr(attrs.fields(type(command)), name).metadata:
        return _digested(value)
    return {key: each for key, each in value.items() if key != "org_id"} if name == "metadata" else value


@functools.cache
def _converter() -> "Converter":
    return converter()


@attrs.frozen
class Made:
    """What a command has made at the provider, as its row keeps it.

    Args:
        external_id: the provider's id of it; None: what the row says already.
        reference: what the provider's events call it by, where that is not its id.
        accepted: False: it was not done.
        waits_for_payer: whether it takes effect only once the payer agrees.
    """

    external_id: str | None = None
    reference: str | None = None
    accepted: bool = True
    waits_for_payer: bool = False


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
    subject: ClassVar[str] = "subscription"
    """What ``target`` is an id of, for people."""
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
        """Whether the other command is the same request.

        Fields that billing decides do not count. Nor does the organisation in the metadata, which the row says: it may have
        been transferred since.
        """
        if type(other) is not type(self):
            return False
        return all(
            _asked(self, field.name) == _asked(other, field.name)
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
        """The provider's id of the object whose state it sets: a subscription, or a customer; None: of none."""
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

    @classmethod
    def tokens(cls) -> tuple[str, ...]:
        """The names of its fields that hold a token of the payer's browser."""
        return tuple(field.name for field in attrs.fields(cls) if _SERVES_ONCE in field.metadata)

    def without_tokens(self) -> Self:
        """It, as its row keeps it once it is over: with digests in place of the tokens. It still tells what asks the same."""
        return attrs.evolve(self, **{name: _digested(getattr(self, name)) for name in self.tokens()})

    def with_tokens_of(self, other: Self) -> Self:
        """It, with the tokens of a command that asks the same: to be sent once more."""
        return attrs.evolve(self, **{name: getattr(other, name) for name in self.tokens()})

    def stripped(self) -> Self:
        """It, without what is personal or secret, which is what its ``repr`` leaves out."""
        hidden = [field for field in attrs.fields(type(self)) if field.repr is False]
        return attrs.evolve(self, **{field.name: _without(field) for field in hidden})

    # --- how it is stored ----------------------------------------------------------------------------------------

    def row(
        self,
        provider: str,
        key: str,
        org_id: str,
        *,
        now: "datetime",
        ticket: int,
        external_id: str | None = None,
        reference: str | None = None,
    ) -> BillingOperation:
        """The row that records it, as it is before it is sent.

        Args:
            provider: the name of the provider that gets it.
            key: the idempotency key.
            org_id: your id of the organisation.
            now: the time, aware.
            ticket: taken when it was asked for.
            external_id: the provider's id of what it is about. None: of the subscription whose state it sets.
            reference: see :class:`~paylattice.BillingOperation`.
        """
        return BillingOperation(
            provider=provider,
            key=key,
            operation=self.kind,
            org_id=org_id,
            arguments=self.to_json(),
            created_at=now,
            external_id=external_id or self.target,
            reference=reference,
            ticket=ticket,
        )

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

    def made(self, answer: R) -> Made:
        """What the answer says that it has made."""
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


@attrs.frozen
class StateCommand(Command[R]):
    """Sets a state that can be read. Of several about one object, the one that was asked for last counts."""

    sets_a_state: ClassVar[bool] = True

    @property
    def can_be_set_back(self) -> str | None:
        """What it sets, where another command that sets the same can set it back; None: what it does is final.

        Of two such commands in flight at once, the newer one is sent again if the older one took effect after it.
        """
        return None

    @property
    def may_be_sent_anew(self) -> bool:
        """A state that is set twice is the same."""
        return True

    @abstractmethod
    async def read(self, provider: BaseProvider) -> Any:
        """What its target is now; None also where the provider lets no one read it."""

    @abstractmethod
    def is_in_effect(self, state: Any) -> bool:
        """Whether there is what was asked for, or will be once what is scheduled has come to pass."""

    @abstractmethod
    def as_answer(self, state: Any) -> R:
        """The answer that the present state stands for."""

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> R | None:
        """Its effect is seen on its target."""
        state = await self.read(provider)
        return None if state is None or not self.is_in_effect(state) else self.as_answer(state)

    async def read_done(self, provider: BaseProvider, row: BillingOperation, *, superseded: bool) -> R | None:
        """What is there, if it is what was asked for, or something newer."""
        state = await self.read(provider)
        return None if state is None or not (superseded or self.is_in_effect(state)) else self.as_answer(state)
