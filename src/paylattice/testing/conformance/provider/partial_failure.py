"""Checks of a provider: what it reads is answered, and then a write fails, or its answer makes no sense.

Many operations read first, for what they have to know or because their endpoint honours no key. In front of a server that is
all out of order they never come to their write; here they do.
"""

from collections.abc import Mapping
from typing import cast

import pytest

from ....errors import OutcomeUnknown, PaymentError
from ....models import Model, SubscriptionChange
from ...http_library import httpx
from ..expectations import expect
from .calls import CALLS, WRITES, Call
from .fixtures import ProviderFixtures
from .harness import ProviderHarness
from .hooks import on_the_wire
from .models import expect_model, expect_models
from .wire import Change, SentRequest, Server, broken_connection, fails, refused_connection, server_error, time_out

__all__ = ["PartialFailureChecks"]

_READS = tuple(call for call in CALLS if not call.operation.writes)
_MOST_WRITES = 4
_NO_ANSWERS: Mapping[str, Server] = {
    "a server error": server_error,
    "a broken connection": fails(broken_connection),
    "a time-out": fails(time_out),
}
_NONSENSE: Mapping[str, bytes] = {
    "nothing": b"",
    "an empty object": b"{}",
    "a list": b"[]",
    "HTML": b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>",
    "a truncated object": b'{"id": "x", "data": [{"id":',
}
_REFUSALS = (400, 401, 402, 403, 404, 409, 422, 429)


def _refuses(status: int) -> Server:
    return lambda _request: httpx.Response(status, json={"error": {"code": "no", "message": "no"}})


def _writes_answer(nonsense: bytes) -> Change:
    return lambda seen, body: nonsense if seen.writes else body


class PartialFailureChecks(ProviderFixtures):
    """What was read changes nothing; a write after it has a key, and an outcome that is known or said to be unknown."""

    @on_the_wire
    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_every_write_of_an_operation_carries_its_key(self, harness: ProviderHarness, call: Call) -> None:
        """Also what comes after a read, and each of several writes."""
        self.only_if_simulated(harness, call.capability)
        self.only_if_sent(call)
        wire = self.wire(harness)

        async def each_write() -> None:
            real = await self.real(harness, call)
            for place in range(_MOST_WRITES):
                for server in _NO_ANSWERS.values():
                    sent: list[list[SentRequest]] = []
                    for key in ("conformance-A", "conformance-A", "conformance-B"):
                        before = len(wire.writes)
                        with wire.writes_answered_by(server, after=place):
                            await harness.failure(real, key=f"{key}-{place}")
                        sent.append(wire.writes[before + place :])
                    expect(sent[0] or place, f"{call} changes something, and sent nothing that writes")
                    self.expect_keys(call, *sent)
                    if not sent[0]:
                        return

        harness.run(each_write())

    @on_the_wire
    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_a_write_that_is_not_answered_is_unknown_also_after_a_read(
        self, harness: ProviderHarness, call: Call
    ) -> None:
        """It has not happened, but the caller cannot know: ``recover`` does it, once."""
        self.only_if_simulated(harness, call.capability)
        self.only_if_sent(call)
        wire = self.wire(harness)

        async def unanswered() -> None:
            for what, server in _NO_ANSWERS.items():
                real = await self.real(harness, call)
                key = f"conformance-{what.replace(' ', '-')}"
                held = self.effects(harness.provider)
                with wire.writes_answered_by(server):
                    error = await harness.failure(real, key=key)
                unknown = error if isinstance(error, OutcomeUnknown) else None
                if unknown is None:
                    what_came = "nothing" if error is None else type(error).__name__
                    raise AssertionError(
                        f"{call} was sent and not answered ({what}): an OutcomeUnknown, not {what_came}"
                    ) from error
                expect(unknown.idempotency_key == key, f"the error of {call} does not carry its key")
                found = await harness.provider.recover(unknown)
                self._expect_answer(harness, call, found)
                once = self.effects(harness.provider)
                asks = isinstance(found, SubscriptionChange) and found.approval_url is not None
                expect(asks or once is None or once != held, f"recover() ended well, and {call} has not been done")
                again = await harness.call(real, key=key)
                expect(self._same(found, again), f"{call} was recovered, and done a second time under its key")
                expect(self.effects(harness.provider) == once, f"{call} was recovered, and had a second effect")

        harness.run(unanswered())

    @on_the_wire
    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_a_write_that_never_left_changed_nothing_also_after_a_read(
        self, harness: ProviderHarness, call: Call
    ) -> None:
        """Without a connection nothing was sent: an error whose outcome is known, and another try does it."""
        self.only_if_simulated(harness, call.capability)
        self.only_if_sent(call)
        wire = self.wire(harness)

        async def unsent() -> None:
            real = await self.real(harness, call)
            with wire.writes_answered_by(fails(refused_connection)):
                error = await harness.failure(real, key="conformance-unsent")
            expect(error is not None, f"{call} ended well although nothing was sent")
            expect(not isinstance(error, OutcomeUnknown), f"{call} never left: its outcome is known")
            self._expect_answer(harness, call, await harness.call(real, key="conformance-unsent"))

        harness.run(unsent())

    @on_the_wire
    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_a_write_that_is_refused_after_a_read_did_not_end_well(self, harness: ProviderHarness, call: Call) -> None:
        """Whatever the status: nothing was done."""
        self.only_if_simulated(harness, call.capability)
        self.only_if_sent(call)
        wire = self.wire(harness)

        async def refused() -> None:
            real = await self.real(harness, call)
            for status in _REFUSALS:
                with wire.writes_answered_by(_refuses(status)):
                    error = await harness.failure(real, key=f"conformance-{status}")
                expect(
                    error is not None or (status == 404 and call.operation.returns is type(None)),  # noqa: PLR2004 - is gone
                    f"{call} was refused with {status}, and ended well",
                )

        harness.run(refused())

    @on_the_wire
    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_a_write_whose_answer_makes_no_sense_was_done(self, harness: ProviderHarness, call: Call) -> None:
        """It took effect: an OutcomeUnknown, which ``recover`` clears up, and not a second effect."""
        self.only_if_simulated(harness, call.capability)
        self.only_if_sent(call)
        wire = self.wire(harness)

        async def unreadable() -> None:
            for what, nonsense in _NONSENSE.items():
                if nonsense == b"{}" and call.operation.returns is dict:
                    continue  # JSON is handed on as it is
                real = await self.real(harness, call)
                key = f"conformance-{what.replace(' ', '-')}"
                unknown: OutcomeUnknown | None = None
                found: object = None
                with wire.altered(_writes_answer(nonsense)):
                    try:
                        found = await harness.call(real, key=key)
                    except OutcomeUnknown as error:
                        unknown = error
                    except PaymentError as error:
                        raise AssertionError(
                            f"{call} was done, and its answer cannot be read ({what}): an OutcomeUnknown, not a "
                            f"{type(error).__name__}"
                        ) from error
                held = self.effects(harness.provider)
                if unknown is not None:
                    found = await harness.provider.recover(unknown)
                self._expect_answer(harness, call, found)
                again = await harness.call(real, key=key)
                expect(
                    self._same(found, again), f"{call} was done a second time: its answer could not be read ({what})"
                )
                expect(self.effects(harness.provider) == held, f"{call} had a second effect under its key ({what})")

        harness.run(unreadable())

    @pytest.mark.parametrize("call", _READS, ids=str)
    def test_what_reads_changes_nothing(self, harness: ProviderHarness, call: Call) -> None:
        """It sends nothing that writes, has no effect, and answers valid models, the same twice."""
        self.only_if_simulated(harness, call.capability)

        async def read() -> None:
            there = await self.existing(harness, call)
            before = len(harness.wire.writes) if harness.wire is not None else 0
            held = self.effects(harness.provider)
            first = await harness.call(there)
            second = await harness.call(there)
            sent = harness.wire.writes[before:] if harness.wire is not None else []
            expect(not sent, f"{call} only reads, and sent a request that writes: {[s.method for s in sent]}")
            expect(self.effects(harness.provider) == held, f"{call} only reads, and had an effect")
            expect(first == second, f"{call} answers two things about what did not change")
            expect(first is not None, f"{call} does not find what is there")
            if isinstance(first, list):
                answers = cast("list[object]", first)
                expect_models(answers, harness.provider.get_provider_name())
            else:
                answers = [first]
                expect_model(first, harness.provider.get_provider_name())
            for answer in answers if harness.wire is not None else ():
                expect(
                    getattr(answer, "raw", None),
                    f"the raw of what {call} answers is empty: keep the provider's object in it",
                )

        harness.run(read())

    def _expect_answer(self, harness: ProviderHarness, call: Call, answer: object) -> None:
        if isinstance(answer, Model | SubscriptionChange):
            expect_model(answer, harness.provider.get_provider_name())
        else:
            expect(isinstance(answer, call.operation.returns), f"{call} answered {type(answer).__name__}")

    @staticmethod
    def _same(one: object, other: object) -> bool:
        def identity(answer: object) -> object:
            found = answer.subscription if isinstance(answer, SubscriptionChange) else answer
            return getattr(found, "id", found)

        return identity(one) == identity(other)
