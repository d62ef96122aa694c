"""Profiles of customers: https://developer.squareup.com/reference/square/customers-api.

Two profiles with one e-mail address are no fault. A merge makes a new profile: the ids of the old ones lead to it for who
reads, and to nothing for who writes.
"""

from collections.abc import Mapping
from typing import Any

from .fields import ELSEWHERE, RANGE, Fields, One
from .lifecycle import deactivate
from .pages import limit_of, page
from .profiles import PROFILE, check_profile, identified, new_customer, profile_of, said
from .refusals import missing
from .routes import Key, Request, Route
from .world import JSON, World, fresh, moment_from, part

__all__ = ["CUSTOMER_ROUTES"]

_MOST = 100
_EXACT = ("email_address", "phone_number", "reference_id")


def _writable(world: World, identifier: str) -> JSON:
    found = world.need("customer", identifier)
    if "_merged_into" in found:
        raise missing("Customer")
    return found


def _create(world: World, request: Request) -> JSON:
    return {"customer": new_customer(world, request.body)}


def _get(world: World, request: Request) -> JSON:
    found = profile_of(world, request.ids[0])
    if found is None:
        raise missing("Customer")
    return {"customer": found}


def _update(world: World, request: Request) -> JSON:
    profile = _writable(world, request.ids[0])
    fresh(profile, request.body.get("version"), "CONFLICT")
    sent = {name: value for name, value in request.body.items() if name != "version"}
    check_profile(sent)
    after = said({**profile, **sent})
    identified(after)
    for name in set(profile) - set(after):
        del profile[name]
    profile |= said(sent)
    world.change(profile, decimals=0)
    world.tell("customer.updated", profile)
    return {"customer": profile}


def _delete(world: World, request: Request) -> JSON:
    profile = _writable(world, request.ids[0])
    fresh(profile, request.query.get("version"), "CONFLICT")
    profile["_deleted"] = True
    world.tell("customer.deleted", profile, deleted=True)
    for subscription in world.all("subscription", lambda row: row["customer_id"] == profile["id"]):
        deactivate(world, subscription, "CUSTOMER_DELETED", f"The customer with ID `{profile['id']}` was deleted.")
    return {}


def _search(world: World, request: Request) -> JSON:
    wanted = part(request.body, "query", "filter")
    sort = part(request.body, "query", "sort")
    rows = world.all("customer", lambda row: "_merged_into" not in row and _is_wanted(world, row, wanted))
    if sort.get("order") == "DESC":
        rows.reverse()
    answer = page(world, request, rows, "customers", limit_of(request, _MOST, _MOST, strict=True))
    return {**answer, "count": len(rows)} if request.body.get("count") else answer


def _is_wanted(world: World, row: JSON, wanted: Mapping[str, Any]) -> bool:
    if world.now - row["_made"] < world.variants.search_lag:
        return False
    for name in _EXACT:
        sought = part(wanted, name)
        held = str(row.get(name) or "").lower()
        if "exact" in sought and held != str(sought["exact"]).lower():
            return False
        if "fuzzy" in sought and str(sought["fuzzy"]).lower() not in held:
            return False
    sources = part(wanted, "creation_source")
    included = row["creation_source"] in sources.get("values", [])
    if sources and included is (sources.get("rule") == "EXCLUDE"):
        return False
    made = row["_made"].replace(microsecond=row["_made"].microsecond // 1000 * 1000)
    span = part(wanted, "created_at")
    since = moment_from(span["start_at"], "query.filter.created_at.start_at") if "start_at" in span else made
    until = moment_from(span["end_at"], "query.filter.created_at.end_at") if "end_at" in span else made
    return bool(since <= made <= until)


_SOUGHT: Fields = {"exact": str, "fuzzy": str}
_FILTER: Fields = {
    "creation_source": {"values": [str], "rule": One("INCLUDE EXCLUDE")},
    "created_at": RANGE,
    "updated_at": ELSEWHERE,
    "email_address": _SOUGHT,
    "phone_number": _SOUGHT,
    "reference_id": _SOUGHT,
    "group_ids": ELSEWHERE,
    "custom_attribute": ELSEWHERE,
    "segment_ids": ELSEWHERE,
}
_SORT: Fields = {"field": One("DEFAULT CREATED_AT"), "order": One("ASC DESC")}
_SEARCH: Fields = {"query": {"filter": _FILTER, "sort": _SORT}, "limit": int, "cursor": str, "count": bool}
_ONE = "/v2/customers/{customer_id}"
CUSTOMER_ROUTES = (
    Route("POST", "/v2/customers", _create, PROFILE, key=Key(45)),
    Route("POST", "/v2/customers/search", _search, _SEARCH),
    Route("GET", _ONE, _get),
    Route("PUT", _ONE, _update, {**PROFILE, "version": int}),
    Route("DELETE", _ONE, _delete, query="version"),
)
