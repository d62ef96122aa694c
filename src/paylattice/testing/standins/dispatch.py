"""The way of a request through a stand-in, the same for every provider.

It is admitted or not, it is read, its idempotency key is looked up, and only then does it take effect. Each provider says what
happens at each of these stages, and how a refusal looks.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar
from urllib.parse import parse_qsl

import attrs

from .keys import KeyReused, KeyStore
from .messages import Answer, Call
from .shapes import flat_json

__all__ = ["Dispatcher", "Prepared", "Refused"]

R = TypeVar("R")
K = TypeVar("K")


class Refused(ValueError):
    """The provider refuses a request; or a test asked for what makes no sense."""


@attrs.frozen
class Prepared(Generic[R]):
    """A request that was read and found to be in order.

    Args:
        request: what its endpoint gets.
        key: what its answer is remembered under; None: it is not.
        asked: its parameters, which must be the same when the key comes again.
        lifetime: how many seconds the key is remembered.
    """

    request: R
    key: object | None = None
    asked: object = None
    lifetime: float = float("inf")


class Dispatcher(ABC, Generic[R, K]):
    """Answers requests.

    Args:
        strict_keys: whether a key that comes again with other parameters is refused.
    """

    def __init__(self, *, strict_keys: bool = True) -> None:
        self._keys: KeyStore[K] = KeyStore(strict=strict_keys)
        self._count: int = 0
        self._replayed: bool = False

    def _respond(self, call: Call) -> Answer:
        """Answer the request, and let it take effect."""
        self._count += 1
        self._replayed = False
        headers = self._headers(call)
        try:
            special = self._special(call, headers)
            return special if special is not None else self._exchange(call, headers)
        except Refused as refusal:
            return self._refused(refusal, headers)

    def _exchange(self, call: Call, headers: Mapping[str, str]) -> Answer:
        self._admit(call)
        prepared = self._prepare(call)
        if prepared.key is not None:
            try:
                stored = self._keys.find(prepared.key, prepared.asked, self._seconds(), prepared.lifetime)
            except KeyReused:
                raise self._key_reused() from None
            if stored is not None:
                self._replayed = True
                return self._replay(prepared, stored, headers)
        answer, kept = self._perform(prepared, headers)
        if prepared.key is not None and kept is not None:
            self._keys.keep(prepared.key, prepared.asked, kept, self._seconds())
        return answer

    def _special(self, call: Call, headers: Mapping[str, str]) -> Answer | None:
        """Answer what goes another way, such as a request for an access token; None: it goes the usual way."""
        return None

    def _params(self, call: Call) -> Mapping[str, str]:
        """Return the parameters of query and body, flat."""
        return {**dict(parse_qsl(call.query)), **flat_json(call.body)}

    @abstractmethod
    def _seconds(self) -> float:
        """Return the simulated time, in seconds since 1970: idempotency keys live by it."""

    @abstractmethod
    def _headers(self, call: Call) -> Mapping[str, str]:
        """Return the headers that every answer has."""

    @abstractmethod
    def _admit(self, call: Call) -> None:
        """Refuse a request with the wrong credentials or version."""

    @abstractmethod
    def _prepare(self, call: Call) -> Prepared[R]:
        """Find the endpoint, and read the parameters. What is refused here is not remembered under a key."""

    @abstractmethod
    def _perform(self, prepared: Prepared[R], headers: Mapping[str, str]) -> tuple[Answer, K | None]:
        """Let the request take effect; return the answer, and what is remembered under the key, if anything."""

    @abstractmethod
    def _replay(self, prepared: Prepared[R], stored: K, headers: Mapping[str, str]) -> Answer:
        """Answer a request whose key is known."""

    @abstractmethod
    def _key_reused(self) -> Refused:
        """Return the refusal of a key that comes again with other parameters."""

    @abstractmethod
    def _refused(self, refusal: Refused, headers: Mapping[str, str]) -> Answer:
        """Return the answer to what is refused."""

    @abstractmethod
    def _failure(self, status: int) -> Answer:
        """Return what the provider answers with this status when it says nothing in particular."""

    @abstractmethod
    def _key(self, call: Call) -> str | None:
        """Return the idempotency key of a request, for the log."""
