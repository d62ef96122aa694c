"""Where is sold: https://developer.squareup.com/reference/square/locations-api."""

from collections.abc import Mapping

from .routes import Request, Route
from .world import JSON, World

__all__ = ["LOCATION_ROUTES", "new_location"]

_COUNTRIES: Mapping[str, str] = {"USD": "US", "CAD": "CA", "GBP": "GB", "EUR": "IE", "AUD": "AU", "JPY": "JP"}
"""The currencies that Square sells in, and a country of each."""


def new_location(world: World, identifier: str, *, name: str, currency: str, timezone: str, active: bool) -> JSON:
    """A location. The first is the main one.

    Raises:
        ValueError: Square does not sell in this currency.
    """
    if currency not in _COUNTRIES:
        message = f"Square sells in {', '.join(_COUNTRIES)}, not in {currency}"
        raise ValueError(message)
    about = {
        "name": name,
        "business_name": name,
        "timezone": timezone,
        "capabilities": ["CREDIT_CARD_PROCESSING"],
        "status": "ACTIVE" if active else "INACTIVE",
        "merchant_id": world.merchant_id,
        "country": _COUNTRIES[currency],
        "language_code": "en-US",
        "currency": currency,
        "type": "PHYSICAL",
    }
    return world.add("location", identifier, about, decimals=0)


def _list(world: World, _request: Request) -> JSON:
    return {"locations": world.all("location")}


def _get(world: World, request: Request) -> JSON:
    identifier = request.ids[0]
    return {"location": world.location if identifier == "main" else world.need("location", identifier)}


LOCATION_ROUTES = (
    Route("GET", "/v2/locations", _list),
    Route("GET", "/v2/locations/{location_id}", _get),
)
