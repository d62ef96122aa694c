"""What PayPal answers when it refuses: https://developer.paypal.com/api/rest/responses/."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from ..dispatch import Refused

__all__ = ["Refusal", "body_of", "conflict", "invalid", "missing", "older", "unprocessable"]

_NAMES = {
    400: "INVALID_REQUEST",
    401: "AUTHENTICATION_FAILURE",
    403: "NOT_AUTHORIZED",
    404: "RESOURCE_NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "UNPROCESSABLE_ENTITY",
    429: "RATE_LIMIT_REACHED",
    500: "INTERNAL_SERVER_ERROR",
    503: "SERVICE_UNAVAILABLE",
}
_MESSAGES: Mapping[str, str] = {
    "INVALID_REQUEST": "Request is not well-formed, syntactically incorrect, or violates schema.",
    "AUTHENTICATION_FAILURE": "Authentication failed due to missing authorization header, or invalid authentication "
    "credentials.",
    "NOT_AUTHORIZED": "Authorization failed due to insufficient permissions.",
    "RESOURCE_NOT_FOUND": "The specified resource does not exist.",
    "RESOURCE_CONFLICT": "The server has detected a conflict while processing this request.",
    "UNSUPPORTED_MEDIA_TYPE": "The server does not support the request payload's media type.",
    "UNPROCESSABLE_ENTITY": "The requested action could not be performed, semantically incorrect, or failed business "
    "validation.",
    "RATE_LIMIT_REACHED": "Too many requests. Blocked due to rate limiting.",
    "INTERNAL_SERVER_ERROR": "An internal server error occurred.",
    "SERVICE_UNAVAILABLE": "Service Unavailable.",
}
"""The API descriptions allow no other."""
_PAGE = "https://developer.paypal.com/api/rest/responses/"


@attrs.frozen
class Refusal(Refused):
    """PayPal says no.

    Args:
        status: the HTTP status.
        issue: the machine's word.
        said: for people.
        field: which one is wrong.
        links: where the payer can go.
        place: where the field is: ``body``, ``query`` or ``path``.
        name: PayPal's word for the status; None: the usual one.
    """

    status: int
    issue: str | None = None
    said: str = ""
    field: str | None = None
    links: Sequence[dict[str, Any]] = ()
    place: str = "body"
    name: str | None = None


def body_of(refusal: Refusal, debug_id: str) -> dict[str, Any]:
    """The error body."""
    name = refusal.name or _NAMES.get(refusal.status, "UNPROCESSABLE_ENTITY")
    body: dict[str, Any] = {
        "name": name,
        "message": _MESSAGES.get(name) or refusal.said or f"HTTP {refusal.status}.",
        "debug_id": debug_id,
    }
    if refusal.name is not None:
        return {**body, "information_link": f"{_PAGE}#{refusal.name}"}
    if refusal.issue is not None:
        detail: dict[str, Any] = {"issue": refusal.issue, "description": refusal.said}
        if refusal.field is not None:
            detail |= {"field": refusal.field, "location": refusal.place}
        body["details"] = [detail]
    body["links"] = list(refusal.links) or [{"href": _PAGE, "rel": "information_link", "method": "GET"}]
    return body


def invalid(issue: str, said: str, field: str | None = None, *, place: str = "body") -> Refusal:
    """The request is not well formed."""
    return Refusal(400, issue, said, field, place=place)


def missing() -> Refusal:
    """There is no such object."""
    return Refusal(404, "INVALID_RESOURCE_ID", "Specified resource ID does not exist.")


def unprocessable(issue: str, said: str, field: str | None = None, links: Sequence[dict[str, Any]] = ()) -> Refusal:
    """The request is well formed, and cannot be done."""
    return Refusal(422, issue, said, field, links)


def conflict(issue: str, said: str) -> Refusal:
    """Another request is changing it."""
    return Refusal(409, issue, said)


def older(status: int, name: str, said: str) -> Refusal:
    """A refusal of the oldest APIs, whose ``name`` is the machine's word, and which have no details."""
    return Refusal(status, said=said, name=name)
