"""What the stand-in knows: objects by kind and id, events, the locations, and the simulated time."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import attrs

from ..shapes import sendable
from ..store import JSON, Store
from .refusals import bad, conflict, missing

__all__ = [
    "API_VERSION",
    "JSON",
    "Variants",
    "World",
    "fresh",
    "moment_from",
    "money_of",
    "part",
    "parts",
    "stamp",
]

API_VERSION = "2026-09-16"

_WORDS: Mapping[str, str] = {"payment_link": "Payment link", "catalog": "Catalog object"}
_NINE = 9
_NANOSECONDS = frozenset({"subscription", "webhooks"})
_MILLISECONDS = frozenset({"payment", "refund", "order"})


def stamp(moment: datetime, *, decimals: int = 3) -> str:
    """A time as Square writes it: with three decimals or with none, and in some webhooks with nine."""
    at = moment.astimezone(UTC)
    text = at.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{f'{at.microsecond:06d}000'[:decimals]}Z" if decimals else f"{text}Z"


def _cut(moment: datetime, decimals: int) -> datetime:
    step = 10 ** (6 - decimals)
    return moment.replace(microsecond=moment.microsecond // step * step)


def moment_from(text: str, field: str) -> datetime:
    """A time that was sent.

    Raises:
        Refusal: it is none.
    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise bad("INVALID_TIME", f"{text!r} is not an RFC 3339 timestamp.", field) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@attrs.define
class Variants:
    """Behaviour that Square's documentation leaves open.

    Args:
        empty_pages: whether lists begin and end with an empty page.
        links_subscribe: whether a subscription comes of a paid link; in Square's sandbox none does.
        tells_failed_charges: whether Square sends ``invoice.scheduled_charge_failed`` for subscriptions.
        charged_through_next: whether ``charged_through_date`` is the next billing date, not the last paid day.
        pending_refunds_count: whether a pending refund is in ``refunded_money`` already.
        search_lag: how long a new profile is not found by a search.
        invoice_after: how many times a new subscription is read before its first invoice is there.
        links_pay_another_order: whether a link's payment for a subscription is on another order than the link's own.
        link_orders_complete: whether the order of a paid link is completed; otherwise it stays open.
        free_orders_complete: whether the order of a link that begins with a free phase is completed; otherwise it stays open.
        links_subscribe_after: how long after its payment the subscription of a link is made.
        links_merge_buyers: whether the profile of a link's buyer is merged with another one right after the purchase.
        links_copy_notes: whether a link's payment for a subscription has the note that the link was given.
        cancels_unbilled_at_once: whether a cancellation takes effect at once where no period is paid.
        charge_failed_in_words: what Square writes into an invoice whose card could not be charged, in the seller's language.
        keys_kept: how long an idempotency key is remembered, which Square does not publish; None: for ever.
    """

    empty_pages: bool = False
    links_subscribe: bool = True
    tells_failed_charges: bool = True
    charged_through_next: bool = False
    pending_refunds_count: bool = True
    search_lag: timedelta = timedelta()
    invoice_after: int = 0
    links_pay_another_order: bool = False
    link_orders_complete: bool = False
    free_orders_complete: bool = True
    links_subscribe_after: timedelta = timedelta()
    links_merge_buyers: bool = False
    links_copy_notes: bool = True
    cancels_unbilled_at_once: bool = False
    charge_failed_in_words: str = "We were unable to charge your card on file for this subscription."
    keys_kept: timedelta | None = None


@attrs.define
class World(Store):
    """Everything that is there.

    Args:
        now: the simulated time.
        merchant_id: whose it is.
        sandbox: whether it is the sandbox.
        largest_page: how many objects a page of a list holds at most.
        variants: see there.
    """

    now: datetime
    merchant_id: str
    sandbox: bool = True
    largest_page: int = 1000
    variants: Variants = attrs.field(factory=Variants)
    declines: list[tuple[str, str | None]] = attrs.field(factory=list[tuple[str, str | None]])
    cursors_since: datetime | None = None
    used_tokens: set[str] = attrs.field(factory=set[str])

    # --- objects -------------------------------------------------------------------------------------------------

    def new_id(self, prefix: str) -> str:
        """The next id with this prefix: the same in every run."""
        return f"{prefix}STANDIN{self.next_number(prefix):06d}"

    def add(self, kind: str, identifier: str, data: Mapping[str, Any], *, decimals: int = 3) -> JSON:
        """Keep a new object."""
        made: JSON = {"id": identifier, "created_at": stamp(self.now, decimals=decimals), **data, "_made": self.now}
        return self.put(kind, identifier, made)

    def change(self, data: JSON, *, decimals: int = 3, **changes: Any) -> JSON:
        """Change an object: its version counts up."""
        data.update(changes)
        if isinstance(data.get("version"), int):
            data["version"] += 1
        if "updated_at" in data:
            data["updated_at"] = stamp(self.now, decimals=decimals)
        return data

    def need(self, kind: str, identifier: object) -> JSON:
        """The object.

        Raises:
            Refusal: there is none.
        """
        found = self.get(kind, identifier)
        if found is None:
            raise missing(_WORDS.get(kind, kind.capitalize()))
        return found

    def all(self, kind: str, fits: Callable[[JSON], bool] = lambda _: True) -> list[JSON]:
        """The objects of a kind, oldest first."""
        return [row for row in self.rows(kind) if fits(row)]

    # --- places --------------------------------------------------------------------------------------------------

    @property
    def location(self) -> JSON:
        """The main location."""
        return self.all("location")[0]

    def location_for(self, identifier: object, field: str) -> JSON:
        """The location of a request.

        Raises:
            Refusal: there is none, or it is closed.
        """
        found = self.get("location", identifier)
        if found is None:
            raise bad("INVALID_VALUE", f"Invalid location id: {identifier}", field)
        if found["status"] != "ACTIVE":
            raise bad("INVALID_LOCATION", "The location is not active.", field)
        return found

    # --- events --------------------------------------------------------------------------------------------------

    def tell(self, name: str, data: Mapping[str, Any], *, deleted: bool = False) -> JSON:
        """Put an event into the outbox and into the list of events: with the object as it is now."""
        kind = name.partition(".")[0]
        about: JSON = {"type": kind, "id": data["id"]}
        if deleted:
            about["deleted"] = True
        return self.send(name, {**about, "object": {kind: sendable(data)}}, located=kind in {"invoice", "dispute"})

    def tell_order(self, order: JSON, *, made: bool = False) -> None:
        """Orders tell of themselves in a way of their own: only some of their fields, under the name of the event."""
        name = "order_created" if made else "order_updated"
        fields = ("version", "location_id", "state", "created_at", *(() if made else ("updated_at",)))
        about = {"order_id": order["id"], **{field: order[field] for field in fields}}
        self.send(name.replace("_", "."), {"type": name, "id": order["id"], "object": {name: about}})

    def send(self, name: str, data: JSON, *, located: bool = False) -> JSON:
        """The same, with the event's own data."""
        kind = name.partition(".")[0]
        decimals = _NINE if kind in _NANOSECONDS else 3 if kind in _MILLISECONDS else 0
        event: JSON = {"merchant_id": self.merchant_id}
        if located:
            event["location_id"] = data["object"][kind]["location_id"]
        event |= {
            "type": name,
            "event_id": self.new_id("evt-"),
            "created_at": stamp(self.now, decimals=decimals),
            "data": data,
            "_at": self.now if decimals == _NINE else _cut(self.now, decimals),
        }
        self.put("event", event["event_id"], event)
        self.outbox.append(event)
        return event

    # --- the bank ------------------------------------------------------------------------------------------------

    def verdict(self, customer_id: str | None, card: Mapping[str, Any] | None = None) -> str | None:
        """What the bank says about a payment: a code of Square's; None: it is paid."""
        always: str | None = (card or {}).get("_declines")
        if always:
            return always
        for number, (code, payer) in enumerate(self.declines):
            if payer in {None, customer_id}:
                del self.declines[number]
                return code
        return None


def fresh(data: JSON, version: object, code: str = "VERSION_MISMATCH", *, status: int = 409) -> None:
    """Refuse another version than the object's.

    Raises:
        Refusal: it is one.
    """
    if version is not None and str(version) != str(data["version"]):
        raise conflict(code, status=status)


def money_of(location: JSON, sent: Mapping[str, Any], field: str, *, zero: bool = False) -> JSON:
    """What was sent as money.

    Raises:
        Refusal: it is none, or not in the currency of the location.
    """
    amount, currency = sent.get("amount"), sent.get("currency")
    if not isinstance(amount, int) or isinstance(amount, bool):
        raise bad("EXPECTED_INTEGER", "Expected an integer value.", f"{field}.amount")
    if currency != location["currency"]:
        detail = f"The currency of the amount does not match that of the location, {location['currency']}."
        raise bad("INVALID_VALUE", detail, f"{field}.currency")
    if amount < 0 or (amount == 0 and not zero):
        raise bad("VALUE_TOO_LOW", "The amount must be greater than 0.", f"{field}.amount")
    return {"amount": amount, "currency": currency}


def part(data: Mapping[str, Any], *names: str) -> JSON:
    """The object inside an object, however deep, without what is null; an empty one if there is none."""
    found: Any = data
    for name in names:
        found = found.get(name) or {}
    return {name: value for name, value in cast("Mapping[str, Any]", found).items() if value is not None}


def parts(data: Mapping[str, Any], name: str) -> list[Any]:
    """The list inside an object; an empty one if there is none."""
    return cast("list[Any]", data.get(name) or [])
