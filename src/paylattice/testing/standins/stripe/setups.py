"""SetupIntents: https://docs.stripe.com/api/setup_intents. They are made by the pages that save a payment method."""

from .metadata import merged
from .routes import Params, Route, retrieve
from .world import JSON, World

__all__ = ["SETUP_ROUTES", "new_setup"]


def new_setup(world: World, customer: str | None, params: Params) -> JSON:
    """One that waits for the customer of a page."""
    data: JSON = {
        "object": "setup_intent",
        "application": None,
        "attach_to_self": False,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": None,
        "customer": customer,
        "description": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "mandate": None,
        "metadata": merged({}, params.get("setup_intent_data", {}).get("metadata", {})),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": "off_session",
    }
    return world.add("seti", data)


SETUP_ROUTES = (Route("GET", "/v1/setup_intents/{id}", retrieve("setup_intent"), "", "SetupIntentRetrieveParams"),)
