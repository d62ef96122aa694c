"""PayPal's published API descriptions, as judges of answers and of tables: patterns that Python cannot compile are left out."""

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SPECS = Path(os.environ.get("PAYLATTICE_SPECS") or Path(__file__).parents[5] / "shared" / "specs")
FOLDER = SPECS / "paypal"
official = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="PayPal's API descriptions are not here: set PAYLATTICE_SPECS to their folder",
)
NAMES = (
    "billing_subscriptions_v1",
    "catalogs_products_v1",
    "checkout_orders_v2",
    "payments_payment_v2",
    "payments_payment_v1",
    "reporting_transactions_v1",
    "vault_payment_tokens_v3",
    "invoicing_v2",
    "notifications_webhooks_v1",
)
_PLACE = re.compile(r"\{[^}]+\}")
_KEPT = frozenset(
    (
        *("type", "properties", "required", "items", "enum", "allOf", "anyOf", "oneOf", "$ref", "pattern"),
        *("minLength", "maxLength", "minimum", "maximum", "minItems", "maxItems", "additionalProperties"),
    )
)


def _merged(base: Any, more: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(more, dict):
        return more
    return {**base, **{name: _merged(base.get(name), value) for name, value in more.items()}}


@cache
def description(name: str) -> dict[str, Any]:
    """A description with what is newer than it."""
    data: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    overlay = FOLDER / f"{name}.overlay.json"
    if overlay.is_file():
        data = _merged(data, json.loads(overlay.read_text()))
    return data


def resolved(name: str, value: Any) -> Any:
    """What a reference is for."""
    while "$ref" in value:
        found: Any = description(name)
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


@cache
def _paths() -> tuple[tuple[re.Pattern[str], str, str], ...]:
    found = [(path, name) for name in NAMES for path in description(name)["paths"]]
    found.sort(key=lambda pair: pair[0].count("{"))
    return tuple((re.compile(_PLACE.sub("[^/]+", path)), path, name) for path, name in found)


def operation(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    """The description and its operation; None: PayPal's descriptions do not know it."""
    for pattern, written, name in _paths():
        item = description(name)["paths"][written]
        if pattern.fullmatch(path) and method.lower() in item:
            return name, item[method.lower()]
    return None


def request_schema(name: str, found: dict[str, Any]) -> Any:
    """The schema of an operation's body; None: it has none."""
    if "requestBody" not in found:
        return None
    content = resolved(name, found["requestBody"]).get("content", {})
    return content["application/json"]["schema"] if "application/json" in content else None


def response_schema(name: str, found: dict[str, Any], status: int) -> Any:
    """The schema of an answer; None: it has no body, or is not described."""
    answer = found["responses"].get(str(status)) or found["responses"].get("default")
    if answer is None:
        return None
    content = resolved(name, answer).get("content", {})
    return content["application/json"]["schema"] if "application/json" in content else None


def query_names(name: str, found: dict[str, Any]) -> set[str]:
    """The names of an operation's query parameters."""
    parameters = [resolved(name, each) for each in found.get("parameters", [])]
    return {each["name"] for each in parameters if each["in"] == "query"}


def fields_of(name: str, schema: Any) -> tuple[dict[str, Any], set[str]]:
    """The fields of an object, of all that it is made of, and those that it must have."""
    schema = resolved(name, schema)
    fields: dict[str, Any] = {}
    required = set(schema.get("required", []))
    for kind in ("allOf", "oneOf", "anyOf"):
        for part in schema.get(kind, []):
            more, needed = fields_of(name, part)
            fields |= more
            if kind == "allOf":
                required |= needed
    return {**fields, **schema.get("properties", {})}, required


def _compiles(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return True


def _is_for_people(field: str, schema: Any) -> bool:
    """The words of a refusal, which "can change over the lifetime of an API"; its issue does not."""
    return field == "description" and "enum" in schema


def _schema(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return {"$ref": value["$ref"].replace("#/components/schemas/", "#/$defs/")}
    made: dict[str, Any] = {}
    for key, inner in value.items():
        if key == "properties":
            made[key] = {field: _schema(one) for field, one in inner.items() if not _is_for_people(field, one)}
        elif key in {"allOf", "anyOf"}:
            made[key] = [_schema(one) for one in inner]
        elif key == "oneOf":
            made["anyOf"] = [_schema(one) for one in inner]
        elif key in {"items", "additionalProperties"}:
            made[key] = _schema(inner)
        elif key == "pattern" and not _compiles(inner):
            continue
        elif key in _KEPT:
            made[key] = inner
    return made


@cache
def _definitions(name: str) -> dict[str, Any]:
    return {key: _schema(value) for key, value in description(name)["components"]["schemas"].items()}


def violations(name: str, schema: Any, value: Any) -> list[str]:
    """What a description has against a value."""
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator({**_schema(schema), "$defs": _definitions(name)})
    return [f"{'/'.join(map(str, e.absolute_path))}: {e.message}" for e in validator.iter_errors(value)]


def unknown_fields(name: str, schema: Any, value: Any, where: str = "") -> list[str]:
    """The fields of an answer that its schema does not know."""
    schema = resolved(name, schema)
    if isinstance(value, list):
        items = schema.get("items")
        return (
            [] if items is None else [each for row in value for each in unknown_fields(name, items, row, f"{where}[]")]
        )
    if not isinstance(value, dict):
        return []
    fields, _ = fields_of(name, schema)
    if not fields:
        return []
    found = [f"{where}.{field}" for field in value if field not in fields]
    for field in fields.keys() & value.keys():
        found += unknown_fields(name, fields[field], value[field], f"{where}.{field}")
    return found
