"""Billing meters and their events: https://docs.stripe.com/api/billing/meter."""

from collections.abc import Mapping
from operator import itemgetter

from .pages import page
from .refusals import invalid
from .routes import Params, Route, retrieve
from .world import JSON, World

__all__ = ["USAGE_ROUTES", "new_meter", "used"]

_DAY = 86_400
_OLDEST = 35 * _DAY
_NEWEST = 300


def new_meter(world: World, params: Params) -> JSON:
    """A meter.

    Raises:
        Refusal: there is an active one for the same events.
    """
    if any(one["event_name"] == params["event_name"] for one in world.all("billing.meter", status="active")):
        message = f"There is an active meter for events named {params['event_name']} already."
        raise invalid(message, param="event_name", code="resource_already_exists")
    mapping = params.get("customer_mapping", {})
    data: JSON = {
        "object": "billing.meter",
        "customer_mapping": {
            "event_payload_key": mapping.get("event_payload_key", "stripe_customer_id"),
            "type": "by_id",
        },
        "default_aggregation": {"formula": params["default_aggregation"]["formula"]},
        "display_name": params["display_name"],
        "event_name": params["event_name"],
        "event_time_window": None,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": world.now,
        "value_settings": {"event_payload_key": params.get("value_settings", {}).get("event_payload_key", "value")},
    }
    return world.add("mtr", data)


def used(world: World, price: JSON, customer: str, period: tuple[int, int]) -> int:
    """What the meter of a price counted for a customer in a period."""
    meter = world.need("billing.meter", price["recurring"]["meter"])
    return _aggregated(world, meter, customer, period)


def _aggregated(world: World, meter: JSON, customer: str, period: tuple[int, int]) -> int:
    who, how_many = meter["customer_mapping"]["event_payload_key"], meter["value_settings"]["event_payload_key"]
    events = [
        one
        for one in world.all("billing.meter_event", event_name=meter["event_name"])
        if one["payload"].get(who) == customer and period[0] <= one["timestamp"] < period[1]
    ]
    values = [int(one["payload"].get(how_many, "1")) for one in sorted(events, key=itemgetter("timestamp"))]
    formula = meter["default_aggregation"]["formula"]
    if formula == "count":
        return len(values)
    return sum(values) if formula == "sum" else (values or [0])[-1]


def _report(world: World, params: Params) -> JSON:
    meter = next(iter(world.all("billing.meter", event_name=params["event_name"], status="active")), None)
    if meter is None:
        message = f"No active meter found for event name {params['event_name']}."
        raise invalid(message, param="event_name", code="no_meter")
    timestamp = params.get("timestamp", world.now)
    if timestamp < world.now - _OLDEST:
        message = "The timestamp cannot be more than 35 days in the past."
        raise invalid(message, param="timestamp", code="timestamp_too_far_in_past")
    if timestamp > world.now + _NEWEST:
        message = "The timestamp cannot be more than 5 minutes in the future."
        raise invalid(message, param="timestamp", code="timestamp_in_future")
    identifier = params.get("identifier") or world.new_id("mevt")
    if world.all("billing.meter_event", identifier=identifier):
        message = f"An event already exists with identifier {identifier}."
        raise invalid(message, param="identifier", code="duplicate_meter_event")
    payload: Mapping[str, str] = params["payload"]
    _check(meter, payload)
    data: JSON = {
        "object": "billing.meter_event",
        "event_name": params["event_name"],
        "identifier": identifier,
        "payload": payload,
        "timestamp": timestamp,
    }
    return world.add("mevt", data)


def _check(meter: JSON, payload: Mapping[str, str]) -> None:
    """Stripe finds these mistakes later, and tells by an event; here the test should see them at once."""
    who, how_many = meter["customer_mapping"]["event_payload_key"], meter["value_settings"]["event_payload_key"]
    if not payload.get(who):
        message = f"The payload has no customer under {who}."
        raise invalid(message, param=f"payload[{who}]", code="meter_event_no_customer_defined")
    value = payload.get(how_many, "1" if meter["default_aggregation"]["formula"] == "count" else "")
    if not value.removeprefix("-").isdecimal():
        message = f"The payload has no whole number under {how_many}. (This stand-in counts only whole numbers.)"
        raise invalid(message, param=f"payload[{how_many}]", code="meter_event_invalid_value")


def _deactivate(world: World, _params: Params, meter_id: str) -> JSON:
    meter = world.need("billing.meter", meter_id)
    return world.change(meter, status="inactive", status_transitions={"deactivated_at": world.now}, updated=world.now)


def _summaries(world: World, params: Params, meter_id: str) -> JSON:
    meter = world.need("billing.meter", meter_id)
    period = params["start_time"], params["end_time"]
    total = _aggregated(world, meter, params["customer"], period)
    row: JSON = {
        "id": f"mtrusg_{meter_id}",
        "object": "billing.meter_event_summary",
        "aggregated_value": float(total),
        "created": world.now,
        "end_time": period[1],
        "livemode": world.livemode,
        "meter": meter_id,
        "start_time": period[0],
    }
    return page(world, [row] if total else [], params, f"/v1/billing/meters/{meter_id}/event_summaries")


_METER = (
    "display_name! event_name! default_aggregation[formula]:count|last|sum! customer_mapping[event_payload_key] "
    "customer_mapping[type]:by_id value_settings[event_payload_key]"
)

USAGE_ROUTES = (
    Route("POST", "/v1/billing/meters", new_meter, _METER, "billing.MeterCreateParams"),
    Route(
        "GET",
        "/v1/billing/meters/{id}",
        retrieve("billing.meter"),
        "",
        "billing.MeterRetrieveParams",
    ),
    Route("POST", "/v1/billing/meters/{id}/deactivate", _deactivate, "", "billing.MeterDeactivateParams"),
    Route(
        "GET",
        "/v1/billing/meters/{id}/event_summaries",
        _summaries,
        "customer! start_time:int! end_time:int! <page>",
        "billing.MeterListEventSummariesParams",
    ),
    Route(
        "POST",
        "/v1/billing/meter_events",
        _report,
        "event_name! payload[*]! timestamp:int identifier",
        "billing.MeterEventCreateParams",
    ),
)
