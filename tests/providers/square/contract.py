"""Square's published API description, as a judge of requests: path, query and body; unknown properties are refused."""

import copy
import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.kit import Seen

SPECS = Path(os.environ.get("PAYLATTICE_SPECS") or Path(__file__).parents[4] / "shared" / "specs")
FILE = SPECS / "square" / "api.json"
OVERLAY = SPECS / "square" / "api.overlay.json"
official = pytest.mark.skipif(
    not FILE.is_file(),
    reason="Square's api.json is not here: set PAYLATTICE_SPECS to the folder of the descriptions",
)

LONGEST_KEY = 45
"""Only in the prose for some endpoints."""
EXACTLY_ONE = ("quick_pay", "order")
_DROPPED = re.compile(r"x-")
_PLACE = re.compile(r"\{[^}]+\}")


@cache
def description() -> dict[str, Any]:
    data = json.loads(FILE.read_text())
    overlay = json.loads(OVERLAY.read_text())["components"]["schemas"] if OVERLAY.is_file() else {}
    schemas = data["components"]["schemas"]
    for name, more in overlay.items():
        schemas.setdefault(name, {}).setdefault("properties", {}).update(more.get("properties", {}))
        if "enum" in more:
            schemas[name]["enum"] = more["enum"]
    return data


def _schema(value: Any) -> Any:
    """OpenAPI 3.0 to JSON Schema: ``nullable`` becomes a type; objects take no unknown properties."""
    if not isinstance(value, dict):
        return value
    made: dict[str, Any] = {}
    for key, inner in value.items():
        if key == "properties":
            made[key] = {name: _schema(one) for name, one in inner.items()}
        elif key in {"items", "additionalProperties"}:
            made[key] = _schema(inner)
        elif key == "$ref":
            made[key] = inner.replace("#/components/schemas/", "#/$defs/")
        elif not _DROPPED.match(key) and key not in {"nullable", "readOnly", "description", "example", "format"}:
            made[key] = inner
    if made.get("type") == "object" and "properties" in made:
        made.setdefault("additionalProperties", False)
    if value.get("nullable"):
        if "$ref" in made:
            return {"anyOf": [{"$ref": made["$ref"]}, {"type": "null"}]}
        if isinstance(made.get("type"), str):
            made["type"] = [made["type"], "null"]
        if "enum" in made:
            made["enum"] = [*made["enum"], None]
    if "$ref" in made:
        return {"$ref": made["$ref"]}
    return made


@cache
def definitions() -> dict[str, Any]:
    return {name: _schema(schema) for name, schema in description()["components"]["schemas"].items()}


@cache
def _validator(reference: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator({"$ref": reference, "$defs": definitions()})


def violations(reference: str, value: Any) -> list[str]:
    """What the description has against a value of this schema."""
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in _validator(reference).iter_errors(value)]


@cache
def _routes() -> tuple[tuple[re.Pattern[str], str], ...]:
    paths = sorted(description()["paths"], key=lambda path: path.count("{"))
    return tuple((re.compile(_PLACE.sub("[^/]+", path)), path) for path in paths)


def operation_of(seen: Seen) -> dict[str, Any]:
    """The operation of the description that a request is for."""
    for pattern, path in _routes():
        if pattern.fullmatch(seen.path) and seen.method.lower() in description()["paths"][path]:
            return description()["paths"][path][seen.method.lower()]
    raise AssertionError(f"the description knows no {seen.method} {seen.path}")


def complaints(seen: Seen) -> list[str]:
    """What the description has against a request."""
    operation = operation_of(seen)
    parameters = {p["name"]: p for p in operation.get("parameters", []) if p["in"] == "query"}
    found = [f"unknown query parameter {name}" for name in seen.query if name not in parameters]
    found += [
        f"missing query parameter {p['name']}"
        for p in parameters.values()
        if p.get("required") and p["name"] not in seen.query
    ]
    for name, text in seen.query.items():
        kind = parameters.get(name, {}).get("schema", {}).get("type")
        if kind == "integer" and not text.isdecimal():
            found.append(f"query parameter {name} is no integer")
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return [*found, *(["a body where there is none"] if seen.body is not None else [])]
    if seen.body is None:
        return [*found, "no body"]
    reference = content["application/json"]["schema"]["$ref"].replace("#/components/schemas/", "#/$defs/")
    found += violations(reference, seen.body)
    key = seen.key
    takes_key = "idempotency_key" in definitions()[reference.rpartition("/")[2]].get("properties", {})
    if takes_key and not key:
        found.append("no idempotency key although the endpoint takes one")
    if key is not None and len(key.encode()) > LONGEST_KEY:
        found.append("the idempotency key is too long")
    if seen.path.endswith("/payment-links") and sum(name in seen.body for name in EXACTLY_ONE) != 1:
        found.append("exactly one of quick_pay and order")
    if seen.path.endswith("/invoices/search"):
        filters = seen.body["query"]["filter"]
        if len(filters["location_ids"]) != 1 or len(filters.get("customer_ids", [])) > 1:
            found.append("exactly one location, and at most one customer")
    return found


@cache
def _examples() -> dict[str, Any]:
    schemas = description()["components"]["schemas"]
    return {name: schema["example"] for name, schema in schemas.items() if "example" in schema}


def example(name: str) -> Any:
    """The example of a schema."""
    return copy.deepcopy(_examples()[name])


def webhook_examples() -> dict[str, Any]:
    """The examples of all webhooks, by the name of their schema."""
    schemas = description()["components"]["schemas"]
    return {name: example(name) for name, schema in schemas.items() if "x-webhook" in schema and "example" in schema}
