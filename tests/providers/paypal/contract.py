"""PayPal's published API descriptions, as a judge of requests: path, query, headers, body; unknown properties are refused."""

import copy
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.kit import Seen

SPECS = Path(os.environ.get("PAYLATTICE_SPECS") or Path(__file__).parents[4] / "shared" / "specs") / "paypal"
FILES = (
    "billing_subscriptions_v1",
    "checkout_orders_v2",
    "payments_payment_v2",
    "payments_payment_v1",
    "reporting_transactions_v1",
    "vault_payment_tokens_v3",
    "invoicing_v2",
    "notifications_webhooks_v1",
)
official = pytest.mark.skipif(
    not (SPECS / "checkout_orders_v2.json").is_file(),
    reason="PayPal's API descriptions are not here: set PAYLATTICE_SPECS to the folder of the descriptions",
)

UNDESCRIBED = (
    re.compile(r"GET /v1/billing/subscriptions"),  # the list is newer than the description
    re.compile(r"POST /v1/oauth2/token"),
)
KEY_THOUGH_UNDESCRIBED = re.compile(r"/v2/payments/authorizations/[^/]+/void")
"""The SDK's newer description has ``PayPal-Request-Id`` there, too."""
NEWER_WORD = "'SETUP_TOKEN' is not one of"
"""The type of a setup token is newer than the description: https://developer.paypal.com/docs/api/payment-tokens/v3/."""
_SENT_BY_ALL = {"host", "accept", "accept-encoding", "connection", "user-agent", "authorization", "content-type"} | {
    "content-length"
}
_NUMBER = {"integer": re.compile(r"-?[0-9]+"), "boolean": re.compile("true|false")}
_PLACE = re.compile(r"\{[^}]+\}")


@cache
def description(name: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((SPECS / f"{name}.json").read_text())
    overlay = SPECS / f"{name}.overlay.json"
    newer = json.loads(overlay.read_text())["components"]["schemas"] if overlay.is_file() else {}
    schemas = data["components"]["schemas"]
    for schema, more in newer.items():
        known = schemas.setdefault(schema, {})
        if "enum" in more:
            known["enum"] = more["enum"]
        if "properties" in more:
            holder = next((part for part in known.get("allOf", []) if "properties" in part), known)
            holder.setdefault("properties", {}).update(more["properties"])
    return data


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


_KEPT_AS_THEY_ARE = {"description", "title", "format", "example", "readOnly", "writeOnly", "nullable", "deprecated"}


def _schema(value: Any) -> Any:
    """OpenAPI 3.0 to JSON Schema; objects take no unknown properties, also where they are put together from several."""
    if isinstance(value, list):
        return [_schema(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return {"$ref": value["$ref"].replace("#/components/schemas/", "#/$defs/")}
    made: dict[str, Any] = {}
    for key, inner in value.items():
        if key == "properties":
            made[key] = {name: _schema(one) for name, one in inner.items()}
        elif key == "pattern":
            if _compiles(inner):
                made[key] = inner
        elif key not in _KEPT_AS_THEY_ARE and not key.startswith("x-"):
            made[key] = _schema(inner)
    return made


@cache
def definitions(name: str) -> dict[str, Any]:
    return {schema: _schema(value) for schema, value in description(name)["components"]["schemas"].items()}


def _closed(schema: dict[str, Any]) -> dict[str, Any]:
    """What the whole takes, counting all parts it is put together from; each property's own schema is closed in turn."""
    return {**schema, "unevaluatedProperties": False}


@cache
def _closed_definitions(name: str) -> dict[str, Any]:
    """The definitions, and for each a closed twin that refers to closed ones from its properties."""
    found: dict[str, Any] = {}
    for schema, value in definitions(name).items():
        found[schema] = _inside(value)
        found[f"closed.{schema}"] = _closed(_inside(value)) if _is_object(name, value) else _inside(value)
    return found


def _is_object(name: str, schema: Any) -> bool:
    if "properties" in schema:
        return True
    parts = [*schema.get("allOf", []), *schema.get("anyOf", []), *schema.get("oneOf", [])]
    if "$ref" in schema:
        parts.append(definitions(name)[schema["$ref"].rpartition("/")[2]])
    return any(_is_object(name, part) for part in parts)


def _inside(schema: Any) -> Any:
    """The schema with the closed twins in the place of what its properties and items refer to."""
    if not isinstance(schema, dict):
        return schema
    made = dict(schema)
    if "properties" in schema:
        made["properties"] = {name: _twin(one) for name, one in schema["properties"].items()}
    if isinstance(schema.get("items"), dict):
        made["items"] = _twin(schema["items"])
    for key in ("allOf", "anyOf", "oneOf"):
        if key in schema:
            made[key] = [_inside(part) for part in schema[key]]
    return made


def _twin(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace("#/$defs/", "#/$defs/closed.")}
    inner = _inside(schema)
    together = [*schema.get("allOf", []), *schema.get("anyOf", []), *schema.get("oneOf", [])]
    if "properties" in schema or (together and all("$ref" in part or "properties" in part for part in together)):
        return _closed(inner)
    return inner


@cache
def _validator(name: str, schema: str) -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator({"$ref": f"#/$defs/closed.{schema}", "$defs": _closed_definitions(name)})


def violations(name: str, schema: str, value: Any) -> list[str]:
    """What the description has against a value of this schema."""
    return [
        f"{'/'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in _validator(name, schema).iter_errors(value)
    ]


@cache
def _routes() -> tuple[tuple[re.Pattern[str], str, str], ...]:
    found = [(path, name) for name in FILES for path in description(name)["paths"]]
    found.sort(key=lambda route: route[0].count("{"))
    return tuple((re.compile(_PLACE.sub("([^/]+)", path)), path, name) for path, name in found)


def operation_of(seen: Seen) -> tuple[str, dict[str, Any], dict[str, str]]:
    """The description, the operation in it that a request is for, and what stands in its path."""
    for pattern, path, name in _routes():
        found = pattern.fullmatch(seen.path)
        operations = description(name)["paths"][path]
        if found and seen.method.lower() in operations:
            return name, operations[seen.method.lower()], dict(zip(_PLACE.findall(path), found.groups(), strict=True))
    raise AssertionError(f"the descriptions know no {seen.method} {seen.path}")


def _resolved(name: str, value: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in value:
        inner: Any = description(name)
        for part in value["$ref"].removeprefix("#/").split("/"):
            inner = inner[part]
        value = inner
    return value


def _of_text(name: str, schema: dict[str, Any], value: str) -> str | None:
    """What a parameter's schema has against its text."""
    schema = _resolved(name, schema)
    kind = schema.get("type")
    if kind in _NUMBER and not _NUMBER[kind].fullmatch(value):
        return f"is no {kind}"
    if kind == "integer" and not schema.get("minimum", 0) <= int(value) <= schema.get("maximum", 10**9):
        return "is out of bounds"
    if kind == "string":
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 10**9):
            return "is too long or too short"
        if _compiles(schema.get("pattern", "")) and not re.search(schema.get("pattern", ""), value):
            return "has another form"
    return None


def complaints(seen: Seen) -> list[str]:
    """What the descriptions have against a request."""
    if any(pattern.fullmatch(f"{seen.method} {seen.path}") for pattern in UNDESCRIBED):
        return []
    name, operation, _ = operation_of(seen)
    parameters = [_resolved(name, one) for one in operation.get("parameters", [])]
    found = [*_of_query(name, seen, parameters), *_of_headers(name, seen, parameters), *_of_body(name, seen, operation)]
    return [each for each in found if NEWER_WORD not in each]


def _of_query(name: str, seen: Seen, parameters: list[dict[str, Any]]) -> Iterator[str]:
    known = {p["name"]: p for p in parameters if p["in"] == "query"}
    for key, value in seen.query.items():
        if key not in known:
            yield f"unknown query parameter {key}"
        else:
            wrong = _of_text(name, known[key].get("schema", {}), value)
            if wrong:
                yield f"query parameter {key} {wrong}"
    for key, parameter in known.items():
        if parameter.get("required") and key not in seen.query:
            yield f"missing query parameter {key}"


def _of_headers(name: str, seen: Seen, parameters: list[dict[str, Any]]) -> Iterator[str]:
    known = {p["name"].lower(): p for p in parameters if p["in"] == "header"}
    if KEY_THOUGH_UNDESCRIBED.fullmatch(seen.path):
        known["paypal-request-id"] = {"schema": {"type": "string", "maxLength": 108}}
    for key, value in seen.headers.items():
        if key in _SENT_BY_ALL:
            continue
        if key not in known:
            yield f"unknown header {key}"
        else:
            wrong = _of_text(name, known[key].get("schema", {}), value)
            if wrong:
                yield f"header {key} {wrong}"
    if seen.writes and "paypal-request-id" in known and not seen.key:
        yield "no idempotency key although the endpoint takes one"


def _of_body(name: str, seen: Seen, operation: dict[str, Any]) -> Iterator[str]:
    request = _resolved(name, operation["requestBody"]) if "requestBody" in operation else {}
    content = request.get("content", {})
    if not content:
        if seen.body not in (None, {}):
            yield "a body where there is none"
        return
    if not isinstance(seen.body, dict):
        yield "no body"
        return
    yield from violations(name, content["application/json"]["schema"]["$ref"].rpartition("/")[2], seen.body)


def answer_examples() -> Iterator[tuple[str, str, Any]]:
    """Every example of a success that the descriptions have: description, operation, example."""
    for name in FILES:
        for path, operations in description(name)["paths"].items():
            for method, operation in operations.items():
                if method not in {"get", "post", "put", "patch", "delete"}:
                    continue
                for status, response in operation["responses"].items():
                    if not status.startswith("2"):
                        continue
                    content = _resolved(name, response).get("content", {}).get("application/json", {})
                    found = [content["example"]] if "example" in content else []
                    found += [_resolved(name, one).get("value") for one in content.get("examples", {}).values()]
                    for one in found:
                        yield name, f"{method.upper()} {path}", copy.deepcopy(one)
