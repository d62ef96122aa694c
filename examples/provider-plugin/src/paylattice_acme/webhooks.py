"""Acme's webhooks: ``Acme-Signature: t=<seconds>,v1=<HMAC-SHA256 of "<t>.<body>" in hex>``."""

from collections.abc import Mapping

from paylattice import EventType, WebhookEvent
from paylattice.errors import Diagnosis, MalformedPayload
from paylattice.jsonlike import JsonObject, child, has_identities, rfc3339, text
from paylattice.signatures import TimestampedScheme

from .wire import customer_from, subscription_from

EVENTS: Mapping[str, EventType] = {
    "customer.added": EventType.CUSTOMER_CREATED,
    "subscription.started": EventType.SUBSCRIPTION_CREATED,
    "subscription.overdue": EventType.SUBSCRIPTION_PAST_DUE,
    "subscription.ended": EventType.SUBSCRIPTION_CANCELED,
}


def _is_event(data: JsonObject) -> bool:
    return has_identities(data, "event_ref", "kind")


SIGNATURE = TimestampedScheme("Acme", "Acme-Signature", _is_event)


def event_from(data: JsonObject) -> WebhookEvent:
    """The event of a verified body. A kind that is not in the table keeps Acme's own name.

    Raises:
        MalformedPayload: it has no time.
    """
    reference, kind, moment = text(data, "event_ref"), text(data, "kind"), rfc3339(data, "at")
    if not reference or not kind or moment is None:
        message = "the body is signed, but it is no event of Acme"
        raise MalformedPayload(message, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)
    customer = child(data, "customer")
    subscription = child(data, "subscription")
    return WebhookEvent(
        id=reference,
        type=EVENTS.get(kind, f"acme:{kind}"),
        created_at=moment,
        dedupe_key=reference,
        customer_id=text(customer, "ref") or text(subscription, "customer"),
        subscription_id=text(subscription, "ref"),
        customer=customer_from(customer) if customer else None,
        subscription=subscription_from(subscription) if subscription else None,
        provider_type=kind,
        provider="acme",
        raw=data,
    )
