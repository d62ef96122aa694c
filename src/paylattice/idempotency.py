"""Idempotency keys: how they are made, and how a key that is used for two different operations is noticed.

The life of a key: the same key as long as the outcome is unknown; a new one after a definite answer, because providers
replay a stored decline or validation error for the old key.
"""

import hashlib
import threading
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from .errors import IdempotencyMismatch, InvalidRequest

__all__ = ["KeyLedger", "new_key", "operation_key", "sub_key"]

MAX_KEY_LENGTH = 255


def new_key() -> str:
    """A random key, for one operation."""
    return str(uuid.uuid4())


def operation_key(kind: str, *parts: str | int, fingerprint: str | int | None = None, attempt: int = 1) -> str:
    """A key that is the same whenever the operation is the same: after a crash, in another process, on another day.

    It is 36 characters of ``0-9a-f-``, which every provider accepts, and says nothing about its parts.

    Args:
        kind: what is done, for example ``"charge"``.
        *parts: what it is done for: an order number, an organisation.
        fingerprint: the parameters, if a change of them makes it another operation.
        attempt: counts up after each definite answer (a decline, say): the old key would only repeat that answer.

    Raises:
        InvalidRequest: the kind or a part is empty, or neither text nor a whole number (a ``None`` that slipped in would
            make one key for everybody), or the attempt is less than 1.
    """
    said = (kind, *parts, attempt) if fingerprint is None else (kind, *parts, attempt, fingerprint)
    fits = isinstance(kind, str) and isinstance(attempt, int) and all(isinstance(word, str | int) for word in said)  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
    if not fits or not kind or "" in parts or attempt < 1:
        message = "operation_key needs a kind, parts that are str or int and not empty, and an attempt of at least 1"
        raise InvalidRequest(message, param="idempotency_key")
    words = [kind, *map(str, parts), "" if fingerprint is None else f"fingerprint:{fingerprint}", str(attempt)]
    return _digest("paylattice.operation", *words)


def sub_key(key: str, step: str) -> str:
    """The key of one step of an operation that takes several requests."""
    return _digest("paylattice.step", key, step)


def _digest(*words: str) -> str:
    text = "".join(f"{len(word)}:{word}" for word in words)
    return str(uuid.UUID(bytes=_sha256(text)[:16], version=5))


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _canonical(value: object) -> object:
    """The value in a form whose ``repr`` is the same for equal values: mappings in order, times in UTC."""
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return sorted((repr(key), repr(_canonical(entry))) for key, entry in items)
    if isinstance(value, list | tuple):
        return [_canonical(entry) for entry in cast("list[object] | tuple[object, ...]", value)]
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC)
    return value


class KeyLedger:
    """Remembers what the last keys were used for, to refuse one key for two operations before anything is sent.

    It keeps digests only. It is a net under a mistake of the caller, not the guarantee: that is the provider's.

    Args:
        size: how many keys to remember.
    """

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._used: OrderedDict[str, bytes] = OrderedDict()
        self._mutex = threading.Lock()

    def note(self, key: str, operation: str, arguments: object) -> None:
        """Note the use of a key.

        Args:
            key: the key.
            operation: the name of the operation.
            arguments: its parameters; the order of a mapping's entries makes no difference.

        Raises:
            IdempotencyMismatch: it was used before for another operation or with other parameters.
        """
        digest = _sha256(f"{operation}:{_canonical(arguments)!r}")
        with self._mutex:
            seen = self._used.setdefault(key, digest)
            while len(self._used) > self._size:
                self._used.popitem(last=False)
        if seen != digest:
            message = (
                "this idempotency key was used before with other parameters. Use the same parameters to repeat that "
                "operation, or a new key for a new one"
            )
            raise IdempotencyMismatch(message, operation=operation, idempotency_key=key)
