"""What goes over the wire, as values. Their ``repr`` shows no header, no query and no body."""

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import urlsplit

import attrs

from ..frozen import FrozenMap

__all__ = ["REQUEST_ID", "Request", "Response", "RetryHint"]

_NONE: Mapping[str, str] = FrozenMap()
REQUEST_ID = re.compile(r"[A-Za-z0-9_.:/+=-]{1,200}")
"""What a provider's id of a request looks like; what does not may be anything, and is left out."""


@attrs.frozen
class Response:
    """An answer.

    Args:
        status: the HTTP status.
        headers: by lower-case name.
        body: the decoded body.
        unsettled: an earlier attempt of the same write may have taken effect: no answer came, or a server error.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(default=_NONE, repr=False)
    body: bytes = attrs.field(default=b"", repr=False)
    unsettled: bool = False


RetryHint: TypeAlias = Callable[[Response], bool | None]
"""What a provider says about trying again: yes, no, or None for "as the policy thinks"."""


@attrs.frozen
class Request:
    """A request.

    Args:
        method: the HTTP method, upper case.
        url: absolute.
        headers: in addition to the transport's own.
        params: the query.
        json: a body to be sent as JSON.
        content: a body to be sent as it is.
        idempotency_key: the key that the request carries, if its endpoint honours one.
        provider: for log lines and observers.
        operation: for log lines and observers.
        hint: asked before the retry policy.
        reads: whether it only reads although its method is not GET: a search with a body.
        request_id_header: where the answer carries the provider's id of the request, in lower case; for observers.
    """

    method: str
    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(default=_NONE, repr=False)
    params: Mapping[str, str] = attrs.field(default=_NONE, repr=False)
    json: object = attrs.field(default=None, repr=False)
    content: bytes | None = attrs.field(default=None, repr=False)
    idempotency_key: str | None = None
    provider: str = ""
    operation: str | None = None
    hint: RetryHint | None = attrs.field(default=None, repr=False)
    request_id_header: str = "request-id"
    reads: bool = False

    @property
    def path(self) -> str:
        """The URL's path, which names no host and holds no query."""
        return urlsplit(self.url).path

    @property
    def credentials(self) -> tuple[str, ...]:
        """The value of its ``Authorization`` header, which no error may repeat."""
        values = [value for name, value in self.headers.items() if name.lower() == "authorization"]
        return tuple(part for value in values if (part := value.rpartition(" ")[2]))

    @property
    def writes(self) -> bool:
        """Whether it may change something."""
        return self.method not in {"GET", "HEAD"} and not self.reads

    @property
    def repeatable(self) -> bool:
        """Whether sending it twice has the effect of sending it once."""
        return not self.writes or self.idempotency_key is not None
