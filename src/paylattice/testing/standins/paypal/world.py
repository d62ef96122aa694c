"""What the stand-in knows: objects by kind and id, events, money, and the simulated time."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import attrs

from ..amounts import Amount, currency_of
from ..shapes import sendable
from ..store import JSON, Store
from .refusals import invalid, missing, unprocessable

__all__ = [
    "HOST",
    "JSON",
    "PAGES",
    "World",
    "amount_of",
    "link",
    "loose",
    "moment",
    "money",
    "said",
    "text_of",
    "written",
]

HOST = "https://api.sandbox.paypal.com"
"""The host in the links: PayPal still writes the old one, which is not the one that requests go to."""
PAGES = "https://www.sandbox.paypal.com"

_CLEAR = str.maketrans("01", "XY")
_NO_DECIMALS = frozenset({"HUF", "JPY", "TWD"})
_TAKEN = frozenset(
    (
        *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "HUF", "ILS", "INR", "JPY"),
        *("MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "TWD", "USD"),
    )
)
_MOST = Decimal("999999999999999.99")
_VALUE = re.compile(r"-?(?:[0-9]+|[0-9]*\.[0-9]+)")


def said(moment: datetime) -> str:
    """A time as PayPal writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime:
    """A time that PayPal wrote, or that was sent; without a zone it is UTC.

    Raises:
        ValueError: it is none.
    """
    found = datetime.fromisoformat(text)
    try:
        return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except OverflowError as error:
        raise ValueError(text) from error


def link(path: str, rel: str, method: str = "GET") -> JSON:
    """A link of an answer."""
    return {"href": path if path.startswith("https://") else HOST + path, "rel": rel, "method": method}


def places_of(currency: str) -> int:
    """The decimals of a currency at PayPal."""
    return 0 if currency in _NO_DECIMALS else 2


def money(value: Decimal, currency: str) -> JSON:
    """Money in the newer shape."""
    return {"currency_code": currency, "value": f"{value.quantize(Decimal(1).scaleb(-places_of(currency))):f}"}


def text_of(value: Decimal, currency: str) -> str:
    """An amount as the older APIs write it: with one decimal where that is enough, ``20.0``."""
    if currency in _NO_DECIMALS:
        return f"{value.quantize(Decimal(1)):f}"
    plain = f"{value.quantize(Decimal('0.01')):f}"
    return plain.removesuffix("0")


def loose(value: Decimal, currency: str) -> JSON:
    """Money in the newer shape, as subscriptions write it: ``0.0``, ``14.9``."""
    return {"currency_code": currency, "value": text_of(value, currency)}


def written(amount: Amount) -> str:
    """Money as PayPal writes it in plans: ``19.00``."""
    return str(money(amount.to_decimal(), currency_of(amount))["value"])


def amount_of(sent: Mapping[str, Any], where: str, *, zero: bool = False) -> tuple[Decimal, str]:
    """What was sent as money, in either shape.

    Raises:
        Refusal: it is no money, or not money that PayPal takes.
    """
    currency = sent.get("currency_code", sent.get("currency"))
    value = sent.get("value", sent.get("total"))
    if not isinstance(value, str) or not _VALUE.fullmatch(value) or len(value) > 32:  # noqa: PLR2004 - PayPal's limit
        raise invalid(
            "INVALID_PARAMETER_SYNTAX", "The value of a field does not conform to the expected format.", where
        )
    if currency not in _TAKEN:
        raise unprocessable("INVALID_CURRENCY_CODE", "Currency code is invalid or is not currently supported.", where)
    amount = Decimal(value)
    decimals = len(value.partition(".")[2])
    if currency in _NO_DECIMALS and decimals:
        raise unprocessable("DECIMALS_NOT_SUPPORTED", "The currency does not support decimals.", where)
    if decimals > 2:  # noqa: PLR2004 - the other currencies have two
        raise unprocessable("DECIMAL_PRECISION", "The value must be with 2 decimal places at most.", where)
    if amount > _MOST:
        raise unprocessable("MAX_VALUE_EXCEEDED", "Should be less than or equal to 999999999999999.99.", where)
    if amount < 0 or (amount == 0 and not zero):
        raise unprocessable("CANNOT_BE_ZERO_OR_NEGATIVE", "Must be greater than zero.", where)
    return amount, str(currency)


@attrs.define
class World(Store):
    """Everything that is there.

    Args:
        now: the simulated time.
        webhook_id: of the webhook that deliveries are signed for.
        largest_page: how many objects a page of a list holds at most.
        retry_days: when a failed payment of a subscription is tried again, in days after the attempt before.
    """

    now: datetime
    webhook_id: str = ""
    largest_page: int = 20
    retry_days: Sequence[int] = (5, 5)
    declines: list[str] = attrs.field(factory=list[str])
    failing: set[str] = attrs.field(factory=set[str])
    pending_refunds: int = 0
    held_sales: int = 0
    authentications: int = 0

    def new_id(self, prefix: str) -> str:
        """The next id with this prefix: the same in every run, and of the form of PayPal's."""
        return f"{prefix}STANDIN{self.next_number(prefix):08d}"

    def new_payer(self) -> str:
        """The id of a payer's account: 13 capitals and digits, without those that look alike."""
        number = f"{self.next_number('payer'):08d}".translate(_CLEAR)
        return f"PAYER{number}"

    def add(self, kind: str, prefix: str, data: JSON, *, known_as: str | None = None) -> JSON:
        """Keep a new object."""
        made: JSON = {"id": known_as or self.new_id(prefix), "create_time": said(self.now), **data}
        return self.put(kind, made["id"], made)

    def need(self, kind: str, identifier: str) -> JSON:
        """The object.

        Raises:
            Refusal: there is none.
        """
        found = self.get(kind, identifier)
        if found is None:
            raise missing()
        return found

    def all(self, kind: str) -> Sequence[JSON]:
        """All objects of a kind, oldest first."""
        return self.rows(kind)

    def tell(self, name: str, resource: Mapping[str, Any], kind: str, version: str = "2.0") -> JSON:
        """Put an event into the outbox and into the list of events."""
        identifier = self.new_id("WH-")
        event: JSON = {
            "id": identifier,
            "event_version": "1.0",
            "create_time": self.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
            "resource_type": kind,
            "event_type": name,
            "summary": name.replace(".", " ").capitalize(),
            "resource": sendable(resource),
            "links": [
                link(f"/v1/notifications/webhooks-events/{identifier}", "self"),
                link(f"/v1/notifications/webhooks-events/{identifier}/resend", "resend", "POST"),
            ],
        }
        if version:
            event["resource_version"] = version
        self.put("event", identifier, event)
        self.transmit(event)
        return event

    def transmit(self, event: JSON) -> None:
        """Put an event into the outbox."""
        self.outbox.append(self.transmission(event))

    def transmission(self, event: JSON) -> JSON:
        """A transmission of an event; every one has an id of its own."""
        transmission = f"{self.next_number('transmission'):08d}-0000-11e6-8000-000000000000"
        event.setdefault("_transmissions", []).append(transmission)
        return {**event, "_transmission": transmission}

    def declined(self) -> str | None:
        """The word of the bank about the next payment; None: it is paid."""
        return self.declines.pop(0) if self.declines else None

    def wants_authentication(self) -> bool:
        """Whether the payer has to authenticate the next payment with a saved method."""
        self.authentications, wanted = max(0, self.authentications - 1), self.authentications > 0
        return wanted

    def refund_is_pending(self) -> bool:
        """Whether the next refund is on its way for days, as that of a bank debit is."""
        self.pending_refunds, pending = max(0, self.pending_refunds - 1), self.pending_refunds > 0
        return pending

    def holds_sale(self) -> bool:
        """Whether PayPal keeps the money of the next sale for the time being."""
        self.held_sales, held = max(0, self.held_sales - 1), self.held_sales > 0
        return held

    def later(self, **span: float) -> datetime:
        """A time from now."""
        return self.now + timedelta(**span)
