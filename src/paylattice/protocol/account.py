"""The provider's account, and whatever its API has."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from .unsupported import unsupported

__all__ = ["AccountOperations"]


class AccountOperations(Protocol):
    """The operations of a :class:`paylattice.PaymentProvider` on your account at the provider."""

    async def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, object] | Sequence[object] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> dict[str, object]:
        """Call any endpoint of the provider's API, for what this library has no operation for.

        It uses the same connections, timeouts, retries, errors and redaction as every operation, and the credentials go to the
        provider's own host only. You get the JSON of the answer as the provider wrote it; nothing in it is checked.

        Args:
            method: ``GET``, ``POST``, ``PUT``, ``PATCH`` or ``DELETE``.
            path: below the provider's address, with the API's version: ``/v1/tax_rates``. Quote what you put into it.
            params: plain JSON, as the provider's reference has it: the query of ``GET`` and ``DELETE``, otherwise the body.
            idempotency_key: calls with the same key have one effect, if the endpoint honours keys. None: a write whose answer
                is lost is not sent again, unless the provider takes a key at every endpoint.

        Raises:
            InvalidRequest: the path leads elsewhere, or the provider refuses the request.
            OutcomeUnknown: a write may have taken effect. ``provider.recover`` repeats it if it had a key.
        """
        raise unsupported(self, "request")
