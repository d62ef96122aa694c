"""Reads back what a thin event only names: its object, what has changed of it, and the snapshot that tells of the same.

https://docs.stripe.com/webhooks/migrate-snapshot-to-thin-events. The object is read from the account that the event is of, at
the path of its kind: never from an address that the event brings along.
"""

from collections.abc import Mapping

from ...errors import (
    ConfigurationError,
    InvalidRequest,
    NotFound,
    PaymentError,
    PermissionDenied,
    VerificationUnavailable,
)
from ...events import WebhookEvent
from ...jsonlike import JsonObject, child, identity, reference, text
from .api import StripeAPI, path_of
from .events import is_thin, with_subject
from .invoice_parts import has_invoice_payments

__all__ = ["ReadBack"]

_PLACES: Mapping[str | None, str] = {
    "checkout.session": "checkout/sessions",
    "customer": "customers",
    "dispute": "disputes",
    "invoice": "invoices",
    "invoice_payment": "invoice_payments",
    "payment_intent": "payment_intents",
    "payment_method": "payment_methods",
    "radar.early_fraud_warning": "radar/early_fraud_warnings",
    "refund": "refunds",
    "setup_intent": "setup_intents",
    "subscription": "subscriptions",
}
"""Where the objects are, by their kind."""

_EXPANDED: Mapping[str | None, tuple[str, ...]] = {
    "payment_intent": ("latest_charge",),
    "subscription": ("latest_invoice",),
}


class ReadBack:
    """Gives thin events their objects.

    Args:
        api: Stripe's API.
        api_version: which the API speaks.
    """

    def __init__(self, api: StripeAPI, api_version: str) -> None:
        self._api = api
        self._expanded = {**_EXPANDED, "invoice": ("payments",)} if has_invoice_payments(api_version) else _EXPANDED

    async def completed(self, event: WebhookEvent) -> WebhookEvent:
        """The event with its object, if it is a thin one. Where the object is gone, the event as it came.

        Raises:
            VerificationUnavailable: Stripe cannot be asked now, or not with this key.
        """
        related = child(event.raw, "related_object")
        kind = text(related, "type")
        if not is_thin(event.raw) or kind not in _PLACES:
            return event
        api = self._api.at(event.account_id)
        try:
            whole = await self._whole(api, event.raw)
            path = path_of(_PLACES[kind], identity(related, "id", "related object"))
            expanded = self._expanded.get(kind)
            subject = await api.get(path, {"expand": list(expanded)} if expanded else {})
        except NotFound:
            return event
        except ConfigurationError:
            raise
        except PaymentError as error:
            why = error.message
        else:
            return with_subject(event, subject, child(whole, "changes", "before"), reference(whole, "snapshot_event"))
        message = f"the object that a thin event names cannot be read: {why}. Stripe will deliver again"
        raise VerificationUnavailable(message)

    async def _whole(self, api: StripeAPI, delivered: JsonObject) -> JsonObject:
        """The event in full, with its snapshot and its changes. A key that may not read events has to do without."""
        if reference(delivered, "snapshot_event") is not None and "changes" in delivered:
            return delivered
        try:
            found = await api.get(
                f"/v2/core{path_of('events', identity(delivered, 'id', 'event')).removeprefix('/v1')}"
            )
        except (InvalidRequest, NotFound, PermissionDenied):
            return delivered
        return {**found, **{name: value for name, value in delivered.items() if value is not None}}
