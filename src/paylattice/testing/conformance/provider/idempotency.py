"""Checks of a provider: one key, one effect, whatever happens on the way."""

import asyncio

import pytest

from ....errors import OutcomeUnknown, PaymentError
from ....models import Model, SubscriptionChange
from ....provider import BaseProvider
from ..expectations import expect
from .calls import WRITES, Call
from .fixtures import ProviderFixtures
from .harness import Found, ProviderHarness
from .hooks import on_the_wire
from .wire import time_out

__all__ = ["IdempotencyChecks"]

_MAKERS = tuple(call for call in WRITES if call.makes and call.name != "create_usage_record")


def _identity(answer: object) -> object:
    """What must be the same when an operation was done once: the id of what it made, or its plain answer."""
    if isinstance(answer, SubscriptionChange):
        answer = answer.subscription
    return getattr(answer, "id", None) if isinstance(answer, Model) else answer


class IdempotencyChecks(ProviderFixtures):
    """A key has one effect: sent twice, after a lost answer, from another process."""

    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_the_same_key_has_one_effect(self, harness: ProviderHarness, call: Call) -> None:
        """Sent twice under one key, an operation is done once, and answers the same."""
        self.only_if_simulated(harness, call.capability)

        async def twice() -> None:
            real = await self.real(harness, call)
            first = await harness.call(real, key="conformance-once")
            held = self.effects(harness.provider)
            second = await harness.call(real, key="conformance-once")
            expect(
                _identity(first) == _identity(second),
                f"{call} under one key made two: the key has to reach the provider",
            )
            expect(self.effects(harness.provider) == held, f"{call} under one key had a second effect")

        harness.run(twice())

    @on_the_wire
    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_the_same_key_has_one_effect_in_another_process(self, harness: ProviderHarness, call: Call) -> None:
        """What made the operation idempotent is the provider's, not this object's memory."""
        self.only_if_simulated(harness, call.capability)
        elsewhere = self.over(harness.provider, harness.mode, self.wire(harness))

        async def twice() -> None:
            real = await self.real(harness, call)
            first = await harness.call(real, key="conformance-elsewhere")
            held = self.effects(harness.provider)
            second = await elsewhere.call(real, key="conformance-elsewhere")
            expect(_identity(first) == _identity(second), f"{call} under one key, from two processes, made two")
            expect(self.effects(harness.provider) == held, f"{call} under one key, from two processes, had two effects")

        harness.run(twice())

    @on_the_wire
    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_the_same_key_at_the_same_time_has_one_effect(self, provider: BaseProvider, call: Call) -> None:
        """Two workers with one intent, on two provider objects: what gets through is one and the same."""
        backend = self.backend(provider)
        harness = self.over(provider, "async", self.wired(provider, backend))
        harness.simulated = backend is not None or self.network
        self.only_if_simulated(harness, call.capability)
        elsewhere = self.over(provider, "async", self.wire(harness))

        async def together() -> None:
            real = await self.real(harness, call)
            ends = await asyncio.gather(
                *(worker.call(real, key="conformance-together") for worker in (harness, elsewhere)),
                return_exceptions=True,
            )
            strange = [end for end in ends if isinstance(end, BaseException) and not isinstance(end, PaymentError)]
            expect(not strange, f"{call}, twice at once, let {strange} escape: only this library's errors may")
            held = self.effects(provider)
            again = await harness.call(real, key="conformance-together")
            expect(
                all(_identity(end) == _identity(again) for end in ends if not isinstance(end, BaseException)),
                f"{call} under one key, twice at once, made two",
            )
            expect(
                self.effects(provider) == held, f"{call} under one key, twice at once and then again, had a new effect"
            )

        harness.run(together())

    @pytest.mark.parametrize("call", _MAKERS, ids=str)
    def test_another_key_is_another_operation(self, harness: ProviderHarness, call: Call) -> None:
        """Two orders of the same thing are two orders."""
        self.only_if_simulated(harness, call.capability)

        async def twice() -> None:
            real = await self.real(harness, call)
            first = await harness.call(real, key="conformance-first")
            second = await harness.call(real, key="conformance-second")
            expect(_identity(first) != _identity(second), f"{call} under two keys made one")

        harness.run(twice())

    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_a_lost_answer_leads_to_no_second_effect(self, harness: ProviderHarness, call: Call) -> None:
        """The operation took effect, its answer got lost: ``recover`` brings what it made, and makes nothing new."""
        self.only_if_simulated(harness, call.capability)
        self.only_if_sent(call)

        async def recovered() -> None:
            real = await self.real(harness, call)
            end = await self.unanswered(harness, real, "conformance-lost")
            held = self.effects(harness.provider)
            if isinstance(end, Found):
                found = end.answer
            else:
                expect(end.idempotency_key == "conformance-lost", f"the error of {call} does not carry its key")
                found = await harness.provider.recover(end)
            expect(self.effects(harness.provider) == held, f"recover() did {call} a second time")
            again = await harness.call(real, key="conformance-lost")
            expect(
                _identity(found) == _identity(again), f"recover() did {call} a second time: it must use the error's key"
            )
            expect(
                self.effects(harness.provider) == held, f"{call} under the key that was recovered had a second effect"
            )

        harness.run(recovered())

    @on_the_wire
    @pytest.mark.parametrize("call", WRITES, ids=str)
    def test_an_answer_that_is_lost_once_is_asked_for_again(self, harness: ProviderHarness, call: Call) -> None:
        """The retry brings the one result; where the endpoint honours no key, the caller learns that it is unknown."""
        self.only_if_simulated(harness, call.capability)
        self.only_if_sent(call)
        wire = self.wire(harness)

        async def retried() -> None:
            real = await self.real(harness, call)
            held = self.effects(harness.provider)
            wire.lose(1, time_out)
            try:
                found = await harness.call(real, key="conformance-retry")
            except OutcomeUnknown:
                expect(
                    call.name in self.without_keys,
                    f"{call} was not tried again after a time-out, although it has a key: hand it to the request",
                )
                return
            finally:
                wire.lose(0)
            once = self.effects(harness.provider)
            expect(once is None or once != held, f"{call} ended well and had no effect")
            again = await harness.call(real, key="conformance-retry")
            expect(_identity(found) == _identity(again), f"{call} was tried again after a time-out, and done twice")
            expect(self.effects(harness.provider) == once, f"{call} was tried again after a time-out, and done twice")

        harness.run(retried())
