"""The customer and the provider's webhooks, played by the embedded provider: what makes these programs run without keys."""

import urllib.error
import urllib.request

from paylattice import BaseProvider, Money
from paylattice.providers.memory import Delivery, InMemoryProvider

PLAN = "pro"


def stock(provider: BaseProvider) -> None:
    """The embedded provider sells nothing until it is told what; at the others, plans are made in their dashboards."""
    if isinstance(provider, InMemoryProvider):
        provider.add_plan(PLAN, Money(1900, "USD"))


def subscribe(provider: BaseProvider, session_id: str, webhook_url: str) -> list[int]:
    """Play the customer who pays on the page, and then the provider that tells of it. Returns the answers' statuses."""
    if not isinstance(provider, InMemoryProvider):
        message = "this provider has a page of its own, and customers of its own"
        raise TypeError(message)
    provider.complete_checkout(session_id)
    return [post(delivery, webhook_url) for delivery in provider.deliveries()]


def post(delivery: Delivery, webhook_url: str, body: bytes | None = None) -> int:
    """Deliver a webhook over HTTP."""
    payload = delivery.payload if body is None else body
    request = urllib.request.Request(webhook_url, payload, {**delivery.headers, "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code
