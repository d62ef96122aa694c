"""What the operations send: pure functions from arguments to the bodies of Square's API reference."""

import json
import re
from collections.abc import Mapping
from datetime import datetime

import attrs

from ...errors import InvalidRequest
from ...frozen import FrozenMap
from ...idempotency import mark_of as own_mark_of
from ...jsonlike import JsonObject, parse_object, string_map, text
from ...models import NOTHING
from ...money import Money
from .amounts import money_body
from .times import stamp
from .wire import split_name

__all__ = [
    "Started",
    "capture_request",
    "customer_request",
    "events_request",
    "invoices_request",
    "link_request",
    "mark_in",
    "mark_of",
    "order_link_request",
    "payment_request",
    "reference_of",
    "refund_request",
    "resumption",
    "started_from",
    "subscription_request",
    "subscriptions_request",
]

_LONGEST_NAME = 300
_LONGEST_EMAIL = 254
_LONGEST_CUSTOMER_REFERENCE = 100
_LONGEST_PAYMENT_REFERENCE = 40
_LONGEST_NOTE = 500
_LONGEST_REASON = 192
_LONGEST_URL = 2048
_LONGEST_ITEM = 255
_LONGEST_BUYER_EMAIL = 256
_LONGEST_BUYER_PHONE = 17
_LONGEST_DESCRIPTION = 4096
_MOST_METADATA = 10
_LONGEST_METADATA_VALUE = 255
_BETWEEN_DIGITS = re.compile(r"[ ().-]")
_METADATA_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")
_MARK = re.compile(r"\(ref\. ([0-9a-f-]{36})\)")
_PAGE = 100


def _at_most(value: str | None, longest: int, param: str) -> str | None:
    if value is not None and len(value) > longest:
        message = f"Square takes {param} with at most {longest} characters"
        raise InvalidRequest(message, param=param)
    return value


def mark_of(key: str) -> str:
    """What stands at the end of a note: Square forgets the key itself, and keeps no metadata with a payment."""
    return f"(ref. {own_mark_of(key)})"


def mark_in(note: str | None) -> str | None:
    """The mark of which a note consists; None: it is another note."""
    found = _MARK.fullmatch(note or "")
    return None if found is None else found[1]


def _marked(text: str | None, key: str | None, longest: int, param: str) -> str | None:
    """The text with the mark of the key after it; without the mark, if there is no room for it."""
    whole = _at_most(text, longest, param)
    if key is None:
        return whole
    marked = f"{whole} {mark_of(key)}" if whole else mark_of(key)
    return marked if len(marked) <= longest else whole


def _given(body: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if value is not None}


# --- customers ---------------------------------------------------------------------------------------------------


def reference_of(metadata: Mapping[str, str] | None, reference_key: str, *, longest: int, what: str) -> str | None:
    """The one word of the metadata that Square keeps, in ``reference_id``.

    Raises:
        InvalidRequest: there are others, or it is too long: nothing is left out in silence.
    """
    others = sorted(set(metadata or {}) - {reference_key})
    if others:
        message = (
            f"a Square {what} keeps one word of metadata, {reference_key!r}, as its reference_id: keep the others with "
            "your own records, or choose another word with SquareConfig(reference_key=...)"
        )
        raise InvalidRequest(message, param="metadata")
    return _at_most((metadata or {}).get(reference_key), longest, "metadata")


def _phone_number(phone: str | None) -> str | None:
    """The number as Square keeps it: without what makes it readable."""
    return None if phone is None else _BETWEEN_DIGITS.sub("", phone)


def customer_request(
    email: str | None,
    name: str | None,
    phone: str | None,
    metadata: Mapping[str, str] | None,
    *,
    reference_key: str,
    update: bool = False,
) -> dict[str, object]:
    """What creates or changes a profile. In an update, a name of one word and an empty reference take away what was there."""
    body: dict[str, object] = {
        "email_address": _at_most(email, _LONGEST_EMAIL, "email"),
        "phone_number": _phone_number(phone),
    }
    if name is not None:
        given, family = split_name(name)
        body["given_name"] = _at_most(given, _LONGEST_NAME, "name")
        body["family_name"] = _at_most(family, _LONGEST_NAME, "name")
    reference = reference_of(metadata, reference_key, longest=_LONGEST_CUSTOMER_REFERENCE, what="customer")
    body["reference_id"] = reference or None
    cleared = {"family_name"} if name is not None else set[str]()
    if reference == "":
        cleared.add("reference_id")
    return {key: value for key, value in body.items() if value is not None or (update and key in cleared)}


# --- checkout ----------------------------------------------------------------------------------------------------


@attrs.frozen
class Started:
    """Who started a checkout, and for what: stored in the link's ``description``, which Square shows to no one.

    A link cannot name a customer: the buyer becomes whatever profile Square finds for their phone number. So this is how it
    is known afterwards for whom the link was made.
    """

    customer_id: str | None = None
    plan_id: str | None = None
    metadata: FrozenMap[str, str] = NOTHING

    def in_words(self) -> str:
        """The description.

        Raises:
            InvalidRequest: it is too long.
        """
        about = {"customer_id": self.customer_id, "plan_id": self.plan_id, "metadata": dict(self.metadata) or None}
        description = json.dumps(_given(about), separators=(",", ":"), ensure_ascii=False)
        if len(description) > _LONGEST_DESCRIPTION:
            message = (
                f"Square keeps at most {_LONGEST_DESCRIPTION} characters with a payment link: the metadata is too long"
            )
            raise InvalidRequest(message, param="metadata")
        return description


def started_from(link: JsonObject) -> Started:
    """Who started the checkout of a link; empty for a link that billing did not create."""
    about = parse_object(text(link, "description") or "")
    if about is None:
        return Started()
    return Started(text(about, "customer_id"), text(about, "plan_id"), string_map(about, "metadata"))


def _buyer(email: str | None, phone: str | None) -> dict[str, object] | None:
    fits = {
        "buyer_email": email if email and len(email) <= _LONGEST_BUYER_EMAIL else None,
        "buyer_phone_number": phone if phone and len(phone) <= _LONGEST_BUYER_PHONE else None,
    }
    return _given(fits) or None


def link_request(
    started: Started,
    *,
    name: str | None,
    price: Money,
    location_id: str,
    success_url: str,
    email: str | None,
    phone: str | None,
    key: str | None,
) -> dict[str, object]:
    """A payment link that subscribes to ``started.plan_id``. Its payment has the mark of the key in its note."""
    quick_pay = {
        "name": (name or "Subscription")[:_LONGEST_ITEM],
        "price_money": money_body(price),
        "location_id": location_id,
    }
    options = {
        "subscription_plan_id": started.plan_id,
        "redirect_url": _at_most(success_url, _LONGEST_URL, "success_url"),
    }
    return _given(
        {
            "description": started.in_words(),
            "quick_pay": quick_pay,
            "checkout_options": options,
            "payment_note": None if key is None else mark_of(key),
            "pre_populated_data": _buyer(email, phone),
        }
    )


def order_link_request(
    started: Started,
    *,
    amount: Money,
    location_id: str,
    success_url: str,
    description: str | None,
    email: str | None,
    phone: str | None,
) -> dict[str, object]:
    """A payment link for a one-off payment, with an order that keeps the metadata."""
    item = {
        "name": (description or "Payment")[:_LONGEST_ITEM],
        "quantity": "1",
        "base_price_money": money_body(amount),
    }
    order = {
        "location_id": location_id,
        "line_items": [item],
        "customer_id": started.customer_id,
        "metadata": _order_metadata(started.metadata),
    }
    return _given(
        {
            "description": started.in_words(),
            "order": _given(order),
            "checkout_options": {"redirect_url": _at_most(success_url, _LONGEST_URL, "success_url")},
            "pre_populated_data": _buyer(email, phone),
            "payment_note": _at_most(description, _LONGEST_NOTE, "description"),
        }
    )


def _order_metadata(metadata: Mapping[str, str]) -> dict[str, str] | None:
    """The metadata as an order keeps it: all of it, or none of it. The description has it in any case.

    https://developer.squareup.com/docs/build-basics/metadata
    """
    fits = len(metadata) <= _MOST_METADATA and all(
        _METADATA_KEY.fullmatch(key) and 0 < len(value) <= _LONGEST_METADATA_VALUE for key, value in metadata.items()
    )
    return dict(metadata) if metadata and fits else None


def subscription_request(customer_id: str, plan_id: str, location_id: str) -> dict[str, object]:
    """A subscription without a card: Square sends invoices, each with a page where it can be paid."""
    return {"location_id": location_id, "customer_id": customer_id, "plan_variation_id": plan_id}


# --- subscriptions -----------------------------------------------------------------------------------------------


def source_of(key: str) -> str:
    """The name of the source of a subscription, by which it is found: Square shows it in the Dashboard."""
    return f"paylattice {mark_of(key)}"


def subscriptions_request(customer_id: str, cursor: str | None, *, source: str | None = None) -> dict[str, object]:
    """The search for a customer's subscriptions, at all locations. There is no filter for the status."""
    query = {"filter": _given({"customer_ids": [customer_id], "source_names": None if source is None else [source]})}
    return _given({"query": query, "include": ["actions"], "cursor": cursor})


def resumption(day: str) -> dict[str, object]:
    """What resumes a subscription on a day."""
    return {"resume_effective_date": day, "resume_change_timing": "IMMEDIATE"}


# --- payments ----------------------------------------------------------------------------------------------------


def payment_request(
    amount: Money,
    *,
    customer_id: str | None,
    source_id: str,
    verification_token: str | None,
    location_id: str,
    capture: bool,
    description: str | None,
    metadata: Mapping[str, str] | None,
    reference_key: str,
    key: str | None,
) -> dict[str, object]:
    """What charges a card on file, or a token. Its note is the description, with a mark made of the key after it."""
    reference = reference_of(metadata, reference_key, longest=_LONGEST_PAYMENT_REFERENCE, what="payment")
    return _given(
        {
            "source_id": source_id,
            "verification_token": verification_token,
            "amount_money": money_body(amount),
            "autocomplete": capture,
            "customer_id": customer_id,
            "location_id": location_id,
            "note": _marked(description, key, _LONGEST_NOTE, "description"),
            "reference_id": reference or None,
        }
    )


def capture_request(amount: Money, version_token: str | None) -> dict[str, object]:
    """What lowers the amount of an authorized payment."""
    return {"payment": _given({"amount_money": money_body(amount), "version_token": version_token})}


def refund_request(payment_id: str, amount: Money, reason: str | None, key: str | None) -> dict[str, object]:
    """What refunds a payment. Its reason has a mark made of the key after it."""
    return _given(
        {
            "payment_id": payment_id,
            "amount_money": money_body(amount),
            "reason": _marked(reason, key, _LONGEST_REASON, "reason"),
        }
    )


# --- lists -------------------------------------------------------------------------------------------------------


def invoices_request(customer_id: str, location_id: str, cursor: str | None) -> dict[str, object]:
    """The search for a customer's invoices, newest first: exactly one location, at most one customer."""
    query = {
        "filter": {"location_ids": [location_id], "customer_ids": [customer_id]},
        "sort": {"field": "INVOICE_SORT_DATE", "order": "DESC"},
    }
    return _given({"query": query, "limit": _PAGE, "cursor": cursor})


def events_request(since: datetime, cursor: str | None) -> dict[str, object]:
    """The search for events, oldest first."""
    query = {"filter": {"created_at": {"start_at": stamp(since)}}, "sort": {"field": "DEFAULT", "order": "ASC"}}
    return _given({"query": query, "limit": _PAGE, "cursor": cursor})
