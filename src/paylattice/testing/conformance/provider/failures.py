"""Checks of a provider: servers that are out of order, networks that break, answers that make no sense."""

import json
import logging
from collections.abc import Mapping, Sequence

import pytest

from ....errors import (
    AuthenticationError,
    InvalidResponse,
    NetworkError,
    OutcomeUnknown,
    PaymentError,
    ProviderUnavailable,
    RateLimited,
)
from ...http_library import httpx
from ..expectations import expect
from .calls import CALLS, EMAIL, WRITES, Call
from .checks import ProviderChecks
from .harness import ProviderHarness, secrets_of
from .hooks import on_the_wire
from .wire import SentRequest, Server, broken_connection, fails, refused_connection, server_error, time_out

__all__ = ["FailureChecks"]

_SHORTEST_SECRET = 8
_READS = tuple(call for call in CALLS if not call.operation.writes)

_NONSENSE: Mapping[str, bytes] = {
    "nothing": b"",
    "an empty object": b"{}",
    "null": b"null",
    "a list": b"[]",
    "a number": b"1e400",
    "HTML": b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>",
    "a truncated object": b'{"id": "x", "data": [{"id":',
    "no UTF-8": b'{"id": "\xff\xfe"}',
    "deep nesting": b'{"id":' + b"[" * 5000 + b"]" * 5000 + b"}",
    "values of wrong types": json.dumps(
        {
            name: [{"id": 1}]
            for name in (
                *("id", "object", "status", "email", "customer", "customer_id", "amount", "currency", "url", "data"),
                *("items", "metadata", "created", "created_at", "plan", "price", "subscription", "links", "has_more"),
                *(
                    "mail",
                    "name",
                    "ref",
                    "payment",
                    "refund",
                    "invoice",
                    "start_time",
                    "billing_info",
                    "error",
                    "errors",
                ),
            )
        }
    ).encode(),
    "hostile values": json.dumps(
        {
            "id": "",
            "status": "\x00" * 50,
            "created": 10**30,
            "created_at": "yesterday",
            "amount": -1,
            "currency": "???",
            "url": "javascript:alert(1)",
            "customer": {"id": {"id": {}}},
            "data": [None, 1, "x", {}],
            "has_more": True,
        }
    ).encode(),
}


def _answers(status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Server:
    def server(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body, headers=headers)

    return server


def _echoes(status: int) -> Server:
    def server(request: httpx.Request) -> httpx.Response:
        said = f"{EMAIL} {request.url} {request.content.decode('latin-1')} {dict(request.headers)}"
        error = {"message": said, "code": said, "type": said, "param": said, "detail": said}
        return httpx.Response(status, json={"error": error, **error, "errors": [error]})

    return server


_EVERYWHERE: Mapping[str, type[PaymentError]] = {"401": AuthenticationError, "429": RateLimited}
_REFUSALS = (b"", b"{}", b'{"error": "no"}', b'{"error": {"code": 7, "message": []}}', b"<html>", b'["no"]')
_NO_ANSWERS: Mapping[str, Server] = {
    "a server error": server_error,
    "a broken connection": fails(broken_connection),
    "a time-out": fails(time_out),
}


class _Interruption(BaseException):
    """What stops a program, and is no Exception: like a cancellation, or Ctrl-C."""


def _interrupted(_request: httpx.Request) -> httpx.Response:
    raise _Interruption


def _credentials(seen: Sequence[SentRequest]) -> set[str]:
    """What requests were authorized with, as it stood on the wire."""
    values = (request.header("authorization") or "" for request in seen)
    return {word for value in values for word in value.split() if len(word) > _SHORTEST_SECRET}


class FailureChecks(ProviderChecks):
    """Nothing but this library's errors escapes, and a write that may have happened says so."""

    @on_the_wire
    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_a_write_carries_its_key(self, harness: ProviderHarness, call: Call) -> None:
        """The caller's key, or one derived from it, is on the wire: the same for the same key, another for another."""
        self.only_if_declared(harness, call.capability)
        self.only_if_sent(call)
        call = self.sample(call)
        for server in _NO_ANSWERS.values():
            sent = (
                self._writes_of(harness, call, key, server)
                for key in ("conformance-A", "conformance-A", "conformance-B")
            )
            self.expect_keys(call, *sent)

    def _writes_of(self, harness: ProviderHarness, call: Call, key: str, server: Server) -> list[SentRequest]:
        there, wire = self.against(harness, server)
        there.run(there.failure(call, key=key))
        return wire.writes

    @on_the_wire
    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_a_write_without_an_answer_is_an_unknown_outcome(self, harness: ProviderHarness, call: Call) -> None:
        """It may have happened: the error says so, and carries the key to find out."""
        self.only_if_declared(harness, call.capability)
        self.only_if_sent(call)
        call = self.sample(call)
        for what, error, seen in self.outcomes(harness, call, _NO_ANSWERS, key="conformance-unknown"):
            expect(error is not None, f"{call} ended well although nothing answered ({what})")
            if not isinstance(error, OutcomeUnknown):
                expect(
                    not any(request.writes for request in seen),
                    f"{call} was sent and not answered ({what}): an OutcomeUnknown, not a {type(error).__name__}",
                )
                continue
            expect(error.outcome_unknown, f"the error of {call} says that its outcome is known")
            expect(error.idempotency_key == "conformance-unknown", f"the error of {call} does not carry its key")
            expect(error.operation == call.name, f"the error of {call} does not name the operation")

    @on_the_wire
    @pytest.mark.parametrize("call", _READS, ids=str)
    def test_a_read_without_an_answer_is_worth_another_try(self, harness: ProviderHarness, call: Call) -> None:
        """A read changes nothing: the error is retryable, and no outcome is unknown."""
        self.only_if_declared(harness, call.capability)
        self.only_if_sent(call)
        for what, error, seen in self.outcomes(harness, self.sample(call), _NO_ANSWERS):
            expect(not any(request.writes for request in seen), f"{call} only reads, and sent a request that writes")
            expect(
                isinstance(error, ProviderUnavailable | NetworkError) and not error.outcome_unknown and error.retryable,
                f"{call} was not answered ({what}): a ProviderUnavailable or a NetworkError, not {error!r}",
            )

    @on_the_wire
    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_what_never_left_changed_nothing(self, harness: ProviderHarness, call: Call) -> None:
        """Without a connection, nothing was sent: the outcome is known."""
        self.only_if_declared(harness, call.capability)
        self.only_if_sent(call)
        harness, _ = self.against(harness, fails(refused_connection))
        error = harness.run(harness.failure(self.sample(call)))
        expect(
            isinstance(error, NetworkError) and not error.outcome_unknown,
            f"{call} never left: that is a NetworkError whose outcome is known, not {error!r}",
        )

    @on_the_wire
    @pytest.mark.parametrize("call", CALLS, ids=str)
    def test_a_success_that_makes_no_sense(self, harness: ProviderHarness, call: Call) -> None:
        """It is an error of this library; and if a write was taken, its outcome is unknown."""
        self.only_if_declared(harness, call.capability)
        self.only_if_sent(call)
        call = self.sample(call)
        servers = {what: _answers(200, body) for what, body in _NONSENSE.items()}
        for what, error, seen in self.outcomes(harness, call, servers):
            if error is None:
                expect(
                    call.operation.optional
                    or call.operation.many
                    or call.operation.returns in {bool, dict, type(None)},
                    f"{call} made a {call.operation.returns.__name__} of an answer that makes no sense ({what})",
                )
            elif seen and seen[-1].writes:
                expect(
                    isinstance(error, OutcomeUnknown),
                    f"{call} was taken, and its answer cannot be read ({what}): an OutcomeUnknown, not a "
                    f"{type(error).__name__} (with JSONAPI: send(request, into))",
                )

    @on_the_wire
    @pytest.mark.parametrize("call", CALLS, ids=str)
    def test_a_refusal_is_an_error_of_this_library(self, harness: ProviderHarness, call: Call) -> None:
        """Whatever its status and its body; 401 and 429 are what they are everywhere."""
        self.only_if_declared(harness, call.capability)
        self.only_if_sent(call)
        call = self.sample(call)
        servers = {
            f"{status} {body!r}": _answers(status, body)
            for status in (400, 401, 402, 403, 404, 405, 409, 410, 422, 429, 451, 499)
            for body in _REFUSALS
        }
        may_be_none = call.operation.optional or call.operation.many or call.name in self.without_keys
        for refusal, error, _ in self.outcomes(harness, call, servers):
            expect(
                error is not None or may_be_none or refusal.startswith(("404", "410")),
                f"{call} was refused with {refusal}, and ended well",
            )
            kind = _EVERYWHERE.get(refusal[:3])
            expect(
                kind is None or error is None or isinstance(error, kind),
                f"{call}: {refusal} is a {kind.__name__ if kind else ''}, not {error!r}",
            )

    @on_the_wire
    @pytest.mark.parametrize("call", CALLS, ids=str)
    def test_a_redirect_is_not_followed(self, harness: ProviderHarness, call: Call) -> None:
        """It would carry the credentials and the customer's data to wherever the answer says."""
        self.only_if_declared(harness, call.capability)
        self.only_if_sent(call)
        call = self.sample(call)
        there = {"Location": "https://elsewhere.invalid/"}
        servers = {str(status): _answers(status, b"", there) for status in (301, 302, 303, 307, 308)}
        for _, error, seen in self.outcomes(harness, call, servers):
            strangers = [request for request in seen if "elsewhere.invalid" in request.url]
            expect(not strangers, f"{call} followed a redirect to another host, with everything that it carries")
            expect(isinstance(error, InvalidResponse), f"{call}: a redirect is an InvalidResponse, not {error!r}")

    @on_the_wire
    @pytest.mark.parametrize("call", CALLS, ids=str)
    def test_an_error_holds_nothing_secret_and_nothing_personal(
        self, harness: ProviderHarness, call: Call, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Nor does the log, in front of a server that repeats in its error what it was sent."""
        self.only_if_declared(harness, call.capability)
        self.only_if_sent(call)
        call = self.sample(call)
        servers = {str(status): _echoes(status) for status in (400, 401, 403, 404, 422, 500)}
        with caplog.at_level(logging.DEBUG):
            ends = self.outcomes(harness, call, servers)
        shown = [("the log", caplog.text)]
        for _, error, _ in ends:
            fields = " ".join(str(value) for value in vars(error).values()) if error else ""
            shown.append(("the error", f"{error} {error!r} {fields}"))
        secret = {*secrets_of(harness.provider), *(word for *_, seen in ends for word in _credentials(seen))}
        for where, words in shown:
            expect(EMAIL not in words, f"{where} of {call} repeats an e-mail address")
            expect(
                not any(each in words for each in secret),
                f"{where} of {call} repeats a secret of the configuration, or what it is sent as",
            )

    @on_the_wire
    @pytest.mark.parametrize("call", CALLS, ids=str)
    def test_an_interruption_is_let_through(self, harness: ProviderHarness, call: Call) -> None:
        """A task that is cancelled, a program that is stopped: who swallows that cannot be stopped."""
        self.only_if_declared(harness, call.capability)
        self.only_if_sent(call)
        there, _ = self.against(harness, _interrupted)
        try:
            there.run(there.failure(self.sample(call)))
        except _Interruption:
            return
        raise AssertionError(f"{call} was interrupted, and went on as if nothing had happened")

    @on_the_wire
    def test_a_rate_limit_says_how_long_to_wait(self, harness: ProviderHarness) -> None:
        """``Retry-After`` is in the error's ``retry_after``."""
        call = next((call for call in _READS if call.capability in harness.provider.capabilities), CALLS[0])
        harness, _ = self.against(harness, _answers(429, b"{}", {"Retry-After": "7200"}))
        error = harness.run(harness.failure(self.sample(call)))
        expect(isinstance(error, RateLimited), f"429 is a RateLimited, not {error!r}")
        expect(getattr(error, "retry_after", None) == 7200, "the seconds of Retry-After are not in retry_after")  # noqa: PLR2004

    @on_the_wire
    def test_a_failure_that_passes_is_tried_again(self, harness: ProviderHarness) -> None:
        """One server error in front of a read is not the caller's affair."""
        call = next((call for call in _READS if call.capability in harness.provider.capabilities), None)
        if call is None:
            pytest.skip("the provider declares no read")
        answers = iter([503])
        harness, wire = self.against(harness, lambda _request: httpx.Response(next(answers, 404), json={}))
        harness.run(harness.failure(self.sample(call)))
        expect(len(wire.seen) > 1, f"{call} was not tried again after a 503: send it through self.transport")
