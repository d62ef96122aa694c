"""Checks of a provider: servers that are out of order, networks that break, answers that make no sense."""

import json
from collections.abc import Callable, Mapping

import httpx
import pytest

from ..config import Secret
from ..errors import (
    AuthenticationError,
    InvalidResponse,
    NetworkError,
    OutcomeUnknown,
    PaymentError,
    ProviderUnavailable,
    RateLimited,
)
from .conformance_calls import CALLS, EMAIL, WRITES, Call
from .conformance_contract import server_error
from .conformance_models import expect
from .conformance_subject import ProviderChecks, Subject
from .conformance_wire import Seen, broken_connection, refused_connection, time_out

__all__ = ["FailureChecks"]

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
            "id": "../../other?x=1",
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


def _fails(how: Callable[[httpx.Request], Exception]) -> Callable[[httpx.Request], httpx.Response]:
    def server(request: httpx.Request) -> httpx.Response:
        raise how(request)

    return server


_NO_ANSWERS: Mapping[str, Callable[[httpx.Request], httpx.Response]] = {
    "a server error": server_error,
    "a broken connection": _fails(broken_connection),
    "a time-out": _fails(time_out),
}


class FailureChecks(ProviderChecks):
    """Nothing but this library's errors escapes, and a write that may have happened says so."""

    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_a_write_carries_its_key(self, subject: Subject, call: Call) -> None:
        """The caller's key, or one derived from it, is on the wire: the same for the same key, another for another."""
        self.only_if_declared(subject, call.capability)
        call = self.sample(call)
        again = [self._writes_of(subject, call, key) for key in ("conformance-A", "conformance-A", "conformance-B")]
        if not again[0]:
            return  # it reads first, and the read was not answered
        if call.name in self.without_keys:
            sent = [(request.method, request.url) for request in again[0]]
            expect(len(sent) == len(set(sent)), f"{call} has no key (without_keys), and was sent twice by itself")
            return
        first, second, other = (frozenset[str]().union(*(seen.words() for seen in each)) for each in again)
        expect(
            (first & second) - other,
            f"{call} sent no idempotency key that depends on the caller's: without it, a retry is a second effect. "
            "(If its endpoint honours none, name the operation in without_keys.)",
        )
        fixed = (first & second) - other
        expect(
            all(seen.words() & fixed for seen in again[0]),
            f"{call} sent one of its attempts without the key, or with another one",
        )

    def _writes_of(self, subject: Subject, call: Call, key: str) -> list[Seen]:
        there, wire = self.against(subject, server_error)
        there.run(there.failure(call, key=key))
        return wire.writes

    @pytest.mark.parametrize("server", _NO_ANSWERS.values(), ids=_NO_ANSWERS)
    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_a_write_without_an_answer_is_an_unknown_outcome(
        self, subject: Subject, call: Call, server: Callable[[httpx.Request], httpx.Response]
    ) -> None:
        """It may have happened: the error says so, and carries the key to find out."""
        self.only_if_declared(subject, call.capability)
        call = self.sample(call)
        subject, wire = self.against(subject, server)
        error = subject.run(subject.failure(call, key="conformance-unknown"))
        expect(error is not None, f"{call} ended well although nothing answered")
        if not isinstance(error, OutcomeUnknown):
            expect(
                not wire.writes,
                f"{call} was sent and not answered: that is an OutcomeUnknown, not a {type(error).__name__}",
            )
            return
        expect(error.outcome_unknown, f"the error of {call} says that its outcome is known")
        expect(error.idempotency_key == "conformance-unknown", f"the error of {call} does not carry its key")
        expect(error.operation == call.name, f"the error of {call} does not name the operation")

    @pytest.mark.parametrize("server", _NO_ANSWERS.values(), ids=_NO_ANSWERS)
    @pytest.mark.parametrize("call", _READS, ids=str)
    def test_a_read_without_an_answer_is_worth_another_try(
        self, subject: Subject, call: Call, server: Callable[[httpx.Request], httpx.Response]
    ) -> None:
        """A read changes nothing: the error is retryable, and no outcome is unknown."""
        self.only_if_declared(subject, call.capability)
        subject, wire = self.against(subject, server)
        error = subject.run(subject.failure(self.sample(call)))
        expect(not wire.writes, f"{call} only reads, and sent a request that writes")
        expect(
            isinstance(error, ProviderUnavailable | NetworkError) and not error.outcome_unknown and error.retryable,
            f"{call} was not answered: that is a ProviderUnavailable or a NetworkError, not {error!r}",
        )

    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_what_never_left_changed_nothing(self, subject: Subject, call: Call) -> None:
        """Without a connection, nothing was sent: the outcome is known."""
        self.only_if_declared(subject, call.capability)
        subject, _ = self.against(subject, _fails(refused_connection))
        error = subject.run(subject.failure(self.sample(call)))
        expect(
            isinstance(error, NetworkError) and not error.outcome_unknown,
            f"{call} never left: that is a NetworkError whose outcome is known, not {error!r}",
        )

    @pytest.mark.parametrize("body", _NONSENSE.values(), ids=_NONSENSE)
    @pytest.mark.parametrize("call", CALLS, ids=str)
    def test_a_success_that_makes_no_sense(self, subject: Subject, call: Call, body: bytes) -> None:
        """It is an error of this library; and if a write was taken, its outcome is unknown."""
        self.only_if_declared(subject, call.capability)
        call = self.sample(call)
        subject, wire = self.against(subject, lambda _request: httpx.Response(200, content=body))
        error = subject.run(subject.failure(call, **({"key": "conformance-nonsense"} if call.operation.writes else {})))
        if error is None:
            expect(
                call.operation.optional or call.operation.many or call.operation.returns in {bool, type(None)},
                f"{call} made a {call.operation.returns.__name__} of an answer that makes no sense",
            )
        elif wire.writes and wire.seen[-1].writes:
            expect(
                isinstance(error, OutcomeUnknown),
                f"{call} was taken, and its answer cannot be read: that is an OutcomeUnknown, not a {type(error).__name__} "
                "(with HTTPProvider: send(request, into))",
            )

    @pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 402, 403, 404, 405, 409, 410, 422, 429, 451, 499])
    @pytest.mark.parametrize("call", CALLS, ids=str)
    def test_a_refusal(self, subject: Subject, call: Call, status: int) -> None:
        """Whatever its body, it is an error of this library; redirects are not followed; 401 and 429 are what they are."""
        self.only_if_declared(subject, call.capability)
        call = self.sample(call)
        for body in (b"", b"{}", b'{"error": "no"}', b'{"error": {"code": 7, "message": []}}', b"<html>", b'["no"]'):
            headers = {"Location": "https://elsewhere.invalid/", "Retry-After": "0"}

            def server(_request: httpx.Request, body: bytes = body) -> httpx.Response:
                return httpx.Response(status, content=body, headers=headers)

            there, wire = self.against(subject, server)
            error = there.run(there.failure(call))
            expect(
                not any("elsewhere.invalid" in seen.url for seen in wire.seen),
                f"{call} followed a redirect to another host, with everything that it carries",
            )
            if call.operation.writes and call.name not in self.without_keys and status not in {404, 410}:
                expect(error is not None, f"{call} was refused with {status}, and ended well")
            if status == 401 and error is not None:  # noqa: PLR2004 - the status of the check
                expect(isinstance(error, AuthenticationError), f"{call}: 401 is an AuthenticationError, not {error!r}")
            if status == 429 and error is not None:  # noqa: PLR2004 - the status of the check
                expect(isinstance(error, RateLimited), f"{call}: 429 is a RateLimited, not {error!r}")
                expect(error.retryable, f"{call}: after a 429 the same call may succeed later")
            if 300 <= status < 400 and error is not None:  # noqa: PLR2004 - the statuses of a redirect
                expect(isinstance(error, InvalidResponse), f"{call}: a redirect is an InvalidResponse, not {error!r}")

    @pytest.mark.parametrize("call", CALLS, ids=str)
    def test_an_error_holds_nothing_secret_and_nothing_personal(self, subject: Subject, call: Call) -> None:
        """In front of a server that repeats in its error what it was sent."""
        self.only_if_declared(subject, call.capability)
        call = self.sample(call)

        def echo(request: httpx.Request) -> httpx.Response:
            said = f"{request.url} {request.content.decode('latin-1')} {dict(request.headers)} {EMAIL}"
            return httpx.Response(400, json={"error": {"message": said, "code": said}, "message": said, "detail": said})

        subject, _ = self.against(subject, echo)
        error = subject.run(subject.failure(call))
        if error is None:
            return
        shown = f"{error} {error!r} {_fields(error)}"
        expect(EMAIL not in shown, f"the error of {call} repeats an e-mail address")
        for secret in self._secrets(subject):
            expect(secret not in shown, f"the error of {call} repeats a secret of the configuration")

    def _secrets(self, subject: Subject) -> list[str]:
        config = subject.provider._config  # pyright: ignore[reportPrivateUsage]
        found: list[str] = []
        for setting in config.settings() if config is not None else ():
            value: object = getattr(config, setting.field)
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Secret):
                    found.append(part.reveal())
        return found

    def test_a_rate_limit_says_how_long_to_wait(self, subject: Subject) -> None:
        """``Retry-After`` is in the error's ``retry_after``."""
        call = next((c for c in _READS if c.capability in subject.provider.capabilities), WRITES[0])
        subject, _ = self.against(
            subject, lambda _request: httpx.Response(429, json={}, headers={"Retry-After": "7200"})
        )
        error = subject.run(subject.failure(self.sample(call)))
        expect(isinstance(error, RateLimited), f"429 is a RateLimited, not {error!r}")
        expect(getattr(error, "retry_after", None) == 7200, "the seconds of Retry-After are not in retry_after")  # noqa: PLR2004

    def test_a_failure_that_passes_is_tried_again(self, subject: Subject) -> None:
        """One server error in front of a read is not the caller's affair."""
        call = next((c for c in _READS if c.capability in subject.provider.capabilities), None)
        if call is None:
            pytest.skip("the provider declares no read")
        answers = iter([503, 404])
        subject, wire = self.against(subject, lambda _request: httpx.Response(next(answers, 404), json={}))
        subject.run(subject.failure(self.sample(call)))
        expect(len(wire.seen) > 1, f"{call} was not tried again after a 503: send it through self.transport")


def _fields(error: PaymentError) -> str:
    return " ".join(str(value) for value in vars(error).values())
