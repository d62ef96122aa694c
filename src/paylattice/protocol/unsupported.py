"""What an operation does that a provider does not override."""

from typing import cast

from ..errors import ConfigurationError, PaymentError
from ..guarded import Guarded, unsupported_operation
from ..operations import OPERATIONS

__all__ = ["unsupported"]


def unsupported(provider: object, operation: str) -> PaymentError:
    """The error that says why the provider lacks the operation, and what to do instead."""
    row = OPERATIONS.get(operation)
    if hasattr(provider, "key_ledger"):  # the base class's; without it, nothing says what the provider lacks
        return unsupported_operation(cast("Guarded", provider), operation, row.capability if row else None)
    message = f"{type(provider).__name__} does not implement {operation}; inherit BaseProvider"
    return ConfigurationError(message, operation=operation)
