"""Idempotency keys: how to make them, and how to notice a key that is used for two operations.

Keep the same key as long as the outcome is unknown. Take a new one after a definite answer, because providers
repeat a stored decline or validation error for the old key.
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
    """Return a random key, for one operation."""
    return str(uuid.uuid4())


def operation_key(kind: str, *parts: str | int, fingerprint: str | int | None = None, attempt: int = 1) -> str:
    """Return a key that is the same whenever the operation is the same: after a crash, in another process, on another day.

    It has 36 characters of ``0-9a-f-``, which every provider accepts, and reveals nothing about its parts.

    Args:
        kind: the operation, for example ``"charge"``.
        *parts: what identifies it: an order number, an organisation.
        fingerprint: the parameters, if changed parameters make it another operation.
        attempt: increase it after each definite answer (such as a decline): the old key only repeats that answer.

    Raises:
        InvalidRequest: the kind or a part is empty, or neither text nor an integer (a ``None`` by mistake would
            make one key for all), or the attempt is less than 1.
    """
    said = (kind, *parts, attempt) if fingerprint is None else (kind, *parts, attempt, fingerprint)
    fits = isinstance(kind, str) and isinstance(attempt, int) and all(isinstance(word, str | int) for word in said)  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
    if not fits or not kind or "" in parts or attempt < 1:
        message = "operation_key needs a kind, parts that are str or int and not empty, and an attempt of at least 1"
        raise InvalidRequest(message, param="idempotency_key")
    words = [kind, *map(str, parts), "" if fingerprint is None else f"fingerprint:{fingerprint}", str(attempt)]
    return _digest("paylattice.operation", *words)


def sub_key(key: str, step: str) -> str:
    """Return the key of one step of an operation that takes several requests."""
    return _digest("paylattice.step", key, step)


def mark_of(key: str) -> str:
    """Return the mark that stands for a key in a text of the provider's, such as a payment's note: it tells nobody the key."""
    return sub_key(key, "note")


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
    """Remembers the use of the last keys, to refuse one key for two operations before anything is sent.

    It stores digests only. It catches mistakes of the caller; the guarantee is the provider's.

    Args:
        size: how many keys to remember.
    """

    def __init__(self, size: int = 4096) -> None:
        self._size = size
        self._used: OrderedDict[str, bytes] = OrderedDict()
        self._mutex = threading.Lock()

    def note(self, key: str, operation: str, arguments: object) -> None:
        """Record the use of a key.

        Args:
            key: the key.
            operation: the name of the operation.
            arguments: its parameters; the order of a mapping's entries makes no difference.

        Raises:
            IdempotencyMismatch: the key was used before for another operation or with other parameters.
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
