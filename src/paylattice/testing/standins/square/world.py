"""What the stand-in knows: objects by kind and id, events, the location, and the simulated time."""

import copy
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

import attrs

from .refusals import bad, missing, stale

__all__ = ["JSON", "World", "money_of", "sendable", "stamp"]

JSON: TypeAlias = dict[str, Any]
"""An object as Square has it. Keys that begin with an underscore are the stand-in's own, and are never sent."""


def stamp(moment: datetime) -> str:
    """A time as Square writes it: some have three decimals, some none."""
    at = moment.astimezone(UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z" if at.microsecond else at.strftime("%Y-%m-%dT%H:%M:%SZ")


@attrs.define
class World:
    """Everything that is there.

    Args:
        now: the simulated time.
        merchant_id: whose it is.
        location: the one that sells.
        largest_page: how many objects a page of a list holds at most.
        empty_pages: whether every list begins with an empty page that has a cursor.
    """

    now: datetime
    merchant_id: str
    location: JSON
    largest_page: int = 100
    empty_pages: bool = False
    outbox: list[JSON] = attrs.field(factory=list[JSON])
    declines: list[str] = attrs.field(factory=list[str])
    _objects: dict[str, dict[str, JSON]] = attrs.field(factory=dict[str, dict[str, JSON]])
    _made: Counter[str] = attrs.field(factory=Counter[str])

    def new_id(self, prefix: str) -> str:
        """The next id with this prefix: the same in every run."""
        self._made[prefix] += 1
        return f"{prefix}STANDIN{self._made[prefix]:06d}"

    def add(self, kind: str, prefix: str, data: JSON, *, known_as: str | None = None, event: str | None = None) -> JSON:
        """Keep a new object, and tell of it."""
        made: JSON = {"id": known_as or self.new_id(prefix), "created_at": stamp(self.now), **data}
        made["_made"] = self.now
        self._objects.setdefault(kind, {})[made["id"]] = made
        if event:
            self.tell(event, kind, made)
        return made

    def change(self, kind: str, data: JSON, event: str | None = None, **changes: Any) -> JSON:
        """Change an object: its version counts up."""
        data.update(changes)
        if "version" in data:
            data["version"] += 1
        if "updated_at" in data:
            data["updated_at"] = stamp(self.now)
        if event:
            self.tell(event, kind, data)
        return data

    def get(self, kind: str, identifier: str) -> JSON | None:
        """The object; None if there is none, also if it was deleted."""
        found = self._objects.get(kind, {}).get(identifier)
        return None if found is None or found.get("_deleted") else found

    def need(self, kind: str, identifier: object) -> JSON:
        """The object.

        Raises:
            Refusal: there is none.
        """
        found = self.get(kind, str(identifier))
        if found is None:
            raise missing(kind.capitalize())
        return found

    def all(self, kind: str, fits: Callable[[JSON], bool] = lambda _: True) -> Sequence[JSON]:
        """All objects of a kind, oldest first."""
        return [each for each in self._objects.get(kind, {}).values() if not each.get("_deleted") and fits(each)]

    @property
    def kinds(self) -> Sequence[str]:
        """The kinds of what there is."""
        return list(self._objects)

    def tell(self, name: str, kind: str, data: Mapping[str, Any], *, located: bool = False) -> JSON:
        """Put an event into the outbox and into the list of events."""
        event: JSON = {
            "merchant_id": self.merchant_id,
            "type": name,
            "event_id": self.new_id("evt-"),
            "created_at": self.now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z",
            "data": {"type": kind, "id": data["id"], "object": {kind: sendable(data)}},
            "_at": self.now,
        }
        if located:
            event["location_id"] = self.location["id"]
        self._objects.setdefault("event", {})[event["event_id"]] = event
        self.outbox.append(event)
        return event

    def tell_order(self, order: JSON) -> None:
        """Orders tell of themselves in a way of their own: without what is in them."""
        event = self.tell("order.updated", "order", {"id": order["id"]})
        about = {
            "order_id": order["id"],
            "version": order["version"],
            "location_id": order["location_id"],
            "state": order["state"],
            "created_at": order["created_at"],
            "updated_at": order["updated_at"],
        }
        event["data"] = {"type": "order_updated", "id": order["id"], "object": {"order_updated": about}}

    def declined(self) -> str | None:
        """The word of the bank about the next payment; None: it is paid."""
        return self.declines.pop(0) if self.declines else None

    def fresh(self, data: JSON, version: object) -> None:
        """Refuse an older version than the object's.

        Raises:
            Refusal: it is one.
        """
        if version is not None and str(version) != str(data["version"]):
            raise stale()


def money_of(world: World, sent: Mapping[str, Any], field: str, *, zero: bool = False) -> JSON:
    """What was sent as money.

    Raises:
        Refusal: it is none, or not in the currency of the location.
    """
    amount, currency = sent.get("amount"), sent.get("currency")
    if not isinstance(amount, int) or isinstance(amount, bool):
        raise bad("EXPECTED_INTEGER", "Expected an integer value.", f"{field}.amount")
    if currency != world.location["currency"]:
        raise bad("INVALID_VALUE", f"The currency must be {world.location['currency']}.", f"{field}.currency")
    if amount < 0 or (amount == 0 and not zero):
        raise bad("VALUE_TOO_LOW", "The amount must be more than 0.", f"{field}.amount")
    return {"amount": amount, "currency": currency}


def sendable(data: Any) -> Any:
    """The object without what is the stand-in's own."""
    if isinstance(data, Mapping):
        return {name: sendable(value) for name, value in data.items() if not str(name).startswith("_")}
    if isinstance(data, list):
        return [sendable(each) for each in data]
    return copy.copy(data)
