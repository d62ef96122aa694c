"""What the guard needs to know of a provider, and the sentences in which it speaks of one."""

import inspect
from collections.abc import Mapping
from typing import Protocol

from .errors import UnsupportedOperation
from .idempotency import KeyLedger
from .operations import OPERATIONS, Capability, UnsupportedReason

__all__ = ["Guarded", "not_written", "stray", "unsupported_operation"]


_PROTOCOL = f"{__package__}.protocol"


class Guarded(Protocol):
    """What the guard needs of a provider; :class:`~paylattice.BaseProvider` has it."""

    key_ledger: KeyLedger

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do."""
        ...

    @property
    def unsupported(self) -> Mapping[Capability, UnsupportedReason]:
        """What it cannot do, and why."""
        ...

    @property
    def livemode(self) -> bool | None:
        """Whether real money moves."""
        ...

    def get_provider_name(self) -> str:
        """Its name."""
        ...

    def is_same(self, asked: str, answered: str) -> bool:
        """Whether an answer about the second id is one about the first."""
        ...

    def _is_account_of(self, other: "Guarded") -> bool:
        """Whether both send with the same settings, so that one can finish what the other began."""
        ...


def unsupported_operation(provider: Guarded, operation: str, capability: Capability | None) -> UnsupportedOperation:
    """The error for an operation that the provider lacks, in the provider's own words if it has some."""
    name = provider.get_provider_name()
    told = provider.unsupported.get(capability) if capability else None
    if operation in not_written(provider, capability):
        told = _only_declared(provider, operation, capability)
    if told is None:
        told = UnsupportedReason(f"{name} does not offer {capability.replace('_', ' ') if capability else operation}.")
    return UnsupportedOperation(reason=told.reason, alternative=told.alternative, provider=name, operation=operation)


def not_written(provider: Guarded, capability: Capability | None) -> list[str]:
    """The operations that a later contract added, and that a provider lacks though it declares the capability."""
    if capability is None or capability not in provider.capabilities:
        return []
    needed = (name for name, row in OPERATIONS.items() if row.capability is capability and row.since > 1)
    homes = {name: getattr(getattr(type(provider), name, None), "__module__", "") for name in needed}
    return [name for name, home in homes.items() if home.startswith(f"{_PROTOCOL}.")]


def _only_declared(provider: Guarded, operation: str, capability: Capability | None) -> UnsupportedReason:
    kind, since = type(provider), OPERATIONS[operation].since
    parameters = inspect.signature(getattr(kind, operation)).parameters.values()
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in parameters]
    return UnsupportedReason(
        f"{kind.__name__} declares Capability.{str(capability).upper()}, and does not have {operation}, which is part of the "
        f"provider contract since version {since}.",
        f"Write async def {operation}{inspect.Signature(bare)} in {kind.__name__}, or declare fewer capabilities.",
    )


def stray(provider: Guarded, exc: Exception) -> str:
    """Where a stray exception came from; its text may hold a payload, its place does not."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace is not None else ""
    if isinstance(exc, RuntimeError) and ("event loop" in str(exc) or "async library" in str(exc)):
        cure = "it needs an event loop of its own; for paylattice.sync it must send, sleep and lock with self.transport alone"
    else:
        cure = "report it to the provider's authors"
    return f"{type(provider).__name__} failed with {type(exc).__name__}{place}: {cure}"
