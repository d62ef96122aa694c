"""A stateful fake of Acme's API, in this process: for the tests of this package and of its users.

AcmeProvider(config, transport=AsyncTransport(transport=httpx.MockTransport(FakeAcme())))
"""

import itertools
import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from paylattice.config import Secret

from .webhooks import SIGNATURE

NOW = "2026-01-31T12:00:00Z"
Object = dict[str, Any]


class Refused(Exception):
    """Acme says no."""

    def __init__(self, status: int, code: str, field: str | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.body = {"error": {"code": code, "text": f"Acme says: {code}", "field": field}}


class FakeAcme:
    """Acme's world. ``effects`` counts what has happened in it."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.answers: dict[str, tuple[object, int, bytes]] = {}
        self.effects = 0
        self._numbers = itertools.count(1)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request, as ``httpx.MockTransport`` hands it over."""
        headers = {"Acme-Request": f"req_{next(self._numbers)}"}
        if not request.headers.get("Authorization", "").startswith("Bearer "):
            return httpx.Response(401, json={"error": {"code": "no_key"}}, headers=headers)
        key = request.headers.get("Idempotency-Key")
        asked = (request.method, request.url.path, request.content)
        if key in self.answers:
            before, status, content = self.answers[key]
            if before != asked:
                return httpx.Response(409, json=Refused(409, "key_reused").body, headers=headers)
            return httpx.Response(status, content=content, headers={**headers, "Idempotent-Replayed": "true"})
        try:
            status, content = self._answer(request)
        except Refused as refused:
            status, content = refused.status, json.dumps(refused.body).encode()
        if key is not None:
            self.answers[key] = (asked, status, content)
        return httpx.Response(status, content=content, headers=headers)

    def _answer(self, request: httpx.Request) -> tuple[int, bytes]:
        body: Object = json.loads(request.content) if request.content else {}
        parts = request.url.path.removeprefix("/v2/").split("/")
        match request.method, parts:
            case "GET", [_, ref]:
                found = self._get(ref)
            case "POST", ["customers"]:
                found = self._new("customer", **body)
            case "PATCH", ["customers", ref]:
                found = self._get(ref)
                tags = {**found["tags"], **body.pop("tags", {})}
                found.update(body, tags=tags)
                self.effects += 1
            case "DELETE", ["customers", ref]:
                self._get(ref)
                del self.objects[ref]
                self.effects += 1
                return 204, b""
            case "POST", ["checkouts"]:
                if body["customer"] not in self.objects:
                    raise Refused(422, "unknown_customer", "customer")
                found = self._new("checkout", state="open", expires_at="2026-02-01T12:00:00Z", **body)
                found["page"] = f"https://pay.acme.test/{found['ref']}"
            case "POST", ["subscriptions", ref, "end"]:
                found = self._get(ref)
                if found["state"] != "ended":
                    found.update(state="ended", ended_at=NOW)
                    self.effects += 1
            case _:
                raise Refused(404, "no_such_endpoint")
        return 200, json.dumps(found).encode()

    def _new(self, kind: str, **fields: object) -> Object:
        ref = f"{kind}_{next(self._numbers)}"
        made: Object = {"ref": ref, "created_at": NOW, **fields}
        made["tags"] = made.get("tags") or {}
        self.objects[ref] = made
        self.effects += 1
        return made

    def _get(self, ref: str) -> Object:
        if ref not in self.objects:
            raise Refused(404, "not_found")
        return self.objects[ref]

    # --- what a test can do --------------------------------------------------------------------------------------

    def complete_checkout(self, ref: str) -> str:
        """Play the customer who subscribes. Returns the subscription's reference."""
        checkout = self.objects[ref]
        subscription = self._new(
            "subscription",
            customer=checkout["customer"],
            plan=checkout["plan"],
            units=checkout["units"],
            state="trial" if checkout["trial_days"] else "running",
            period_start=NOW,
            period_end="2026-02-28T12:00:00Z",
            tags=checkout["tags"],
        )
        checkout.update(state="done", subscription=subscription["ref"])
        return str(subscription["ref"])

    def delivery(self, secret: str, kind: str = "customer.added", *, age: float = 0) -> tuple[bytes, Mapping[str, str]]:
        """A signed webhook: its body and its headers."""
        event = {"event_ref": f"ev_{next(self._numbers)}", "kind": kind, "at": NOW, "customer": {"ref": "customer_1"}}
        body = json.dumps(event).encode()
        return body, {SIGNATURE.header: SIGNATURE.signed(body, Secret(secret), time.time() - age)}
