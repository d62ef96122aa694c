"""What the stand-in knows: objects by kind and id, events, and the simulated time."""

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from ..store import JSON, Store
from .bank import Bank
from .refusals import invalid, missing

__all__ = ["API_VERSION", "JSON", "World"]

API_VERSION = "2026-10-28.endive"


@attrs.define
class World(Store):
    """Everything that is there.

    Args:
        now: the simulated time, in seconds since 1970.
        largest_page: how many objects a page of a list holds at most.
        render: makes of an object what is sent of it.
        retry_days: when the payment of a renewal is tried again, in days after the attempt before.
        when_retries_fail: the status of a subscription whose last retry failed.
        livemode: what all objects and events say of themselves.
        in_other_mode: the ids that exist in the other mode.
    """

    now: int
    largest_page: int
    render: Callable[["World", JSON], JSON]
    retry_days: tuple[int, ...] = (3, 5, 7)
    when_retries_fail: str = "canceled"
    livemode: bool = False
    bank: Bank = attrs.field(factory=Bank)
    in_other_mode: set[str] = attrs.field(factory=set[str])
    request: tuple[str | None, str | None] = (None, None)

    def new_id(self, prefix: str) -> str:
        """The next id with this prefix: the same in every run."""
        return f"{prefix}_standin{self.next_number(prefix):06d}"

    def add(
        self, prefix: str, data: Mapping[str, Any], event: str | None = None, *, known_as: str | None = None
    ) -> JSON:
        """Keep a new object.

        Args:
            prefix: of its id.
            data: its fields; ``object`` is its kind.
            event: the type of the event that tells of it.
            known_as: its id; None: the next one.

        Raises:
            Refusal: there is, or was, one with this id.
        """
        if known_as is not None and self.existed(data["object"], known_as):
            message = f"{known_as} exists already."
            raise invalid(message, param="id", code="resource_already_exists")
        made: JSON = {"id": known_as or self.new_id(prefix), **data}
        made.setdefault("created", self.now)
        made.setdefault("livemode", self.livemode)
        self.put(made["object"], made["id"], made)
        if event:
            self.tell(event, made)
        return made

    def need(self, kind: str, identifier: str, param: str = "id") -> JSON:
        """The object.

        Raises:
            Refusal: there is none.
        """
        found = self.get(kind, identifier)
        if found is None:
            raise missing(kind, identifier, param)
        return found

    def was_deleted(self, kind: str, identifier: str) -> bool:
        """Tell whether there was such an object."""
        return self.existed(kind, identifier) and self.get(kind, identifier) is None

    def all(self, kind: str, **equal: object) -> list[JSON]:
        """The objects of a kind whose fields are equal to what is given, oldest first."""
        return [row for row in self.rows(kind) if all(row.get(name) == value for name, value in equal.items())]

    def change(self, data: JSON, events: str | Iterable[str] = (), **changes: Any) -> JSON:
        """Change fields of an object, and tell what they were."""
        told = (events,) if isinstance(events, str) else tuple(events)
        before = self.render(self, data) if told else None
        data.update(changes)
        for event in told:
            self.tell(event, data, before)
        return data

    def tell(self, event: str, data: JSON, before: JSON | None = None) -> None:
        """Note an event: it is listed, and waits to be delivered."""
        now = self.render(self, data)
        about: JSON = {"object": now}
        if before is not None and event.endswith(("updated", "detached")):
            about["previous_attributes"] = {
                name: value for name, value in before.items() if name in now and now[name] != value
            }
        request_id, key = self.request
        told: JSON = {
            "object": "event",
            "api_version": API_VERSION,
            "data": copy.deepcopy(about),
            "pending_webhooks": 1,
            "request": {"id": request_id, "idempotency_key": key},
            "type": event,
        }
        self.outbox.append(self.add("evt", told))
