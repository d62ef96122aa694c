"""What every provider's error responses have in common."""

import json
from typing import Any

import pytest

from paylattice.errors import InvalidResponse, NotFound, PaymentError
from paylattice.providers.api import ErrorResponse
from paylattice.providers.paypal import errors as paypal
from paylattice.providers.square import errors as square
from paylattice.providers.stripe import errors as stripe
from paylattice.transport import Response
from paylattice.transport.answers import Asked, failure_from

MISSING: dict[str, Any] = {
    "stripe": {"error": {"type": "invalid_request_error", "code": "resource_missing", "message": "No such customer"}},
    "paypal": {"name": "RESOURCE_NOT_FOUND", "details": [{"issue": "INVALID_RESOURCE_ID"}]},
    "square": {"errors": [{"category": "INVALID_REQUEST_ERROR", "code": "NOT_FOUND", "detail": "Not found"}]},
}


def read(provider: str, body: Any, status: int) -> PaymentError:
    response = Response(status, body=json.dumps(body).encode())
    found: ErrorResponse | None
    if provider == "paypal":
        found = paypal.error_response_from(body)
    else:
        found = (stripe if provider == "stripe" else square).error_response_from(body, response)
    return failure_from(response, Asked(provider=provider, sender=provider), found)


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("provider", sorted(MISSING))
def test_an_object_that_is_missing_or_gone_is_not_found(provider: str, status: int) -> None:
    assert type(read(provider, MISSING[provider], status)) is NotFound


@pytest.mark.parametrize("body", [{}, {"errors": []}, {"error": {}}, {"status": "no healthy upstream"}])
@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("provider", sorted(MISSING))
def test_a_gateway_that_finds_nothing_says_nothing_about_the_object(provider: str, status: int, body: Any) -> None:
    assert type(read(provider, body, status)) is InvalidResponse
