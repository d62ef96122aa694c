"""Access tokens: fetched once, shared, and dropped when PayPal no longer takes them.

https://developer.paypal.com/api/rest/authentication/. PayPal says how long a token lives; minting one for every request
invites rate limiting.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from typing import TypeAlias

import attrs

from ...config import Secret
from ...errors import InvalidResponse, PaymentError
from ...jsonlike import JsonObject, integer, text
from ...transport import Transport
from ...transport.primitives import Lock, mutex

__all__ = ["Account", "Token", "TokenCache", "token_from"]

Account: TypeAlias = tuple[str, str]
"""Whose token it is: the server's address, and the client id."""

_MARGIN = 60.0
"""Seconds before its end at which a token is no longer used: requests take time, and clocks differ."""
_SHORTEST = 5.0
_LONGEST = 10 * 365 * 86_400


@attrs.frozen
class Token:
    """An access token.

    Args:
        value: the token.
        lifetime: seconds that PayPal says it lives, from when it was made.
    """

    value: Secret
    lifetime: float


def token_from(data: JsonObject) -> Token:
    """The token in an answer.

    Raises:
        InvalidResponse: there is none that could go into a header.
    """
    value = text(data, "access_token")
    lifetime = integer(data, "expires_in")
    if not value or not value.isascii() or not value.isprintable() or " " in value or lifetime is None or lifetime <= 0:
        message = "the answer is no access token: its 'access_token' or its 'expires_in' is missing"
        raise InvalidResponse(message)
    return Token(Secret(value), float(min(lifetime, _LONGEST)))


@attrs.define
class _Kept:
    token: Token
    until: float


@attrs.frozen(eq=False)
class _Failure:
    error: PaymentError


class TokenCache:
    """Keeps tokens by server and client id. Several providers may share one: ``PayPalProvider(config, tokens=cache)``.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._mutex = mutex()
        self._kept: dict[Account, _Kept] = {}
        self._failures: dict[Account, _Failure] = {}
        self._locks: dict[tuple[Account, type], Lock] = {}

    async def token(self, account: Account, transport: Transport, fetch: Callable[[], Awaitable[Token]]) -> Token:
        """The account's token; fetched if there is none that will still be good for a while.

        One fetch serves all who wait; if it fails, it has failed for all of them.

        Args:
            account: whose.
            transport: how to exclude one another.
            fetch: asks PayPal for one.
        """
        kept = self._usable(account)
        if kept is not None:
            return kept
        before = self._failures.get(account)
        async with self._lock(account, transport).held():
            kept = self._usable(account)
            if kept is not None:
                return kept
            failure = self._failures.get(account)
            if failure is not None and failure is not before:
                raise copy(failure.error)  # it failed while this call waited, and so for this call, too
            began = self._clock()
            try:
                token = await fetch()
            except PaymentError as error:
                with self._mutex:
                    self._failures[account] = _Failure(copy(error))
                raise
            margin = min(_MARGIN, token.lifetime / 2)
            with self._mutex:
                self._kept[account] = _Kept(token, began + max(token.lifetime - margin, _SHORTEST))
            return token

    def drop(self, account: Account, token: Token) -> None:
        """Forget the token, unless it was replaced by another one meanwhile."""
        with self._mutex:
            kept = self._kept.get(account)
            if kept is not None and kept.token is token:
                del self._kept[account]

    def _usable(self, account: Account) -> Token | None:
        kept = self._kept.get(account)
        return kept.token if kept is not None and self._clock() < kept.until else None

    def _lock(self, account: Account, transport: Transport) -> Lock:
        """The lock of the account; threads and event loops wait in ways of their own."""
        key = (account, type(transport))
        with self._mutex:
            lock = self._locks.get(key)
            if lock is None:
                lock = self._locks[key] = transport.lock()
            return lock


def basic(client_id: str, client_secret: Secret) -> Mapping[str, str]:
    """The header that carries the credentials to the token endpoint, and nowhere else."""
    from base64 import b64encode  # noqa: PLC0415 - only who fetches a token needs it

    pair = f"{client_id}:{client_secret.reveal()}".encode()
    return {"Authorization": f"Basic {b64encode(pair).decode('ascii')}"}
