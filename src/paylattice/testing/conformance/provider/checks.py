"""What every check of a provider uses: the harness, the wire to its server, and the reasons to skip."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import attrs
import pytest

from ....errors import OutcomeUnknown, PaymentError
from ....money import Money
from ....operations import Capability
from ....provider import BaseProvider
from ....transport import AsyncTransport, BlockingTransport, Transport
from ...http_library import httpx
from ..expectations import expect
from .calls import CALLS, Call
from .harness import Found, ProviderHarness
from .hooks import ProviderHooks
from .wire import RequestKinds, SentRequest, Server, Wire

__all__ = ["ProviderChecks"]


async def _no_wait(_seconds: float) -> None:
    """Retries follow at once."""


class ProviderChecks(ProviderHooks):
    """The base of the classes that hold the checks."""

    @pytest.fixture(params=["async", "blocking"])
    def mode(self, request: pytest.FixtureRequest) -> str:
        """Every check runs once on an event loop, and once without."""
        return cast("str", request.param)

    @pytest.fixture
    def harness(self, mode: str, provider: BaseProvider) -> Iterator[ProviderHarness]:
        """The provider in front of what plays it."""
        if not self.http:
            yield ProviderHarness(provider, mode)
            return
        behind = self.backend(provider)
        made = self.over(provider, mode, self.wired(provider, behind))
        made.simulated = behind is not None or self.network
        yield made
        if made.wire is not None:
            made.wire.close()

    def over(self, provider: BaseProvider, mode: str, wire: Wire) -> ProviderHarness:
        """The provider, rebuilt over the wire. Retries do not wait."""
        transport: Transport
        if mode == "blocking":
            transport = BlockingTransport(transport=wire, sleep=lambda _seconds: None)
        else:
            transport = AsyncTransport(transport=wire, sleep=_no_wait)
        return ProviderHarness(self.rebuilt(provider, transport), mode, wire)

    def against(self, harness: ProviderHarness, server: Server) -> tuple[ProviderHarness, Wire]:
        """The provider in front of a server that answers as the check wants."""
        wire = self.wired(harness.provider, server)
        return self.over(harness.provider, harness.mode, wire), wire

    def wired(
        self, provider: BaseProvider, behind: "Server | httpx.BaseTransport | httpx.AsyncBaseTransport | None"
    ) -> Wire:
        """A wire to what answers."""
        return Wire(behind, RequestKinds(self.searches, self.access), self.backend(provider))

    def outcomes(
        self, harness: ProviderHarness, call: Call, servers: Mapping[str, Server], *, key: str | None = None
    ) -> list[tuple[str, PaymentError | None, list[SentRequest]]]:
        """How the call ends in front of each of the servers: the server's name, the error if any, and what was sent."""
        there, wire = self.against(harness, next(iter(servers.values())))
        found: list[tuple[str, PaymentError | None, list[SentRequest]]] = []

        async def one_after_another() -> None:
            for name, server in servers.items():
                wire.serve(server)
                found.append((name, await there.failure(call, key=key), wire.seen))

        there.run(one_after_another())
        return found

    def keys_in(self, request: SentRequest) -> frozenset[str]:
        """The texts among which the request's idempotency key is."""
        if type(self).key_on_the_wire is ProviderHooks.key_on_the_wire:
            return request.words()
        key = self.key_on_the_wire(request)
        return frozenset() if key is None else frozenset({key})

    def expect_keys(
        self, call: Call, first: Sequence[SentRequest], same: Sequence[SentRequest], other: Sequence[SentRequest]
    ) -> None:
        """The writes of one operation carry its key: sent under one key, under the same again, and under another.

        Raises:
            AssertionError: they do not, or what honours no key was sent twice.
        """
        __tracebackhide__ = True
        said = [frozenset[str]().union(*(self.keys_in(request) for request in sent)) for sent in (first, same, other)]
        keys = (said[0] & said[1]) - said[2]
        carried = bool(keys) and all(self.keys_in(request) & keys for request in first)
        if call.name in self.without_keys:
            targets = [(request.method, request.url) for request in first]
            expect(
                carried or len(targets) == len(set(targets)),
                f"{call} has no key (without_keys), and was sent twice by itself",
            )
            return
        expect(
            keys or not first,  # nothing was written: it reads first, and the read was not answered
            f"{call} sent no idempotency key that depends on the caller's: without it, a retry is a second effect. "
            "(If its endpoint honours none, name the operation in without_keys.)",
        )
        expect(carried or not first, f"{call} sent one of its attempts without the key, or with another one")

    def sample(self, call: Call) -> Call:
        """The call, with the author's own examples for its arguments."""
        own: dict[str, object] = {
            name: Money(value.amount, self.currency)
            for name, value in call.arguments.items()
            if isinstance(value, Money)
        }
        own.update((name, self.examples[name]) for name in call.arguments if name in self.examples)
        start = f"{call.name}."
        for_it = {name.removeprefix(start): value for name, value in self.examples.items() if name.startswith(start)}
        return attrs.evolve(call, arguments={**call.arguments, **own, **for_it})

    def any_request(self, provider: BaseProvider) -> Call:
        """The call of an operation that sends a request."""
        fitting = (
            call
            for call in CALLS
            if call.name not in self.without_requests
            and (call.capability is None or call.capability in provider.capabilities)
        )
        return self.sample(next(fitting))

    def only_if_sent(self, call: Call) -> None:
        """Skip the check of an operation that needs no request."""
        if call.name in self.without_requests:
            pytest.skip(f"{call} sends nothing")

    def only_if_declared(self, harness: ProviderHarness, *capabilities: Capability | None) -> None:
        """Skip the check unless the provider declares the capabilities."""
        for capability in capabilities:
            if capability is not None and capability not in harness.provider.capabilities:
                pytest.skip(f"{harness.provider.get_provider_name()} does not declare {capability}")

    def only_if_simulated(self, harness: ProviderHarness, *capabilities: Capability | None) -> None:
        """Skip the check unless the provider declares the capabilities, and something simulates it."""
        self.only_if_declared(harness, *capabilities)
        if not harness.simulated:
            pytest.skip(
                "nothing simulates the provider: hand it AsyncTransport(transport=httpx.MockTransport(fake)), or set "
                "network = True if the fixture's provider talks to a sandbox"
            )

    def wire(self, harness: ProviderHarness) -> Wire:
        """What the provider's requests go through, for checks that are ``on_the_wire``."""
        if harness.wire is None:
            pytest.skip("the provider has no HTTP")
        return harness.wire

    async def unanswered(self, harness: ProviderHarness, call: Call, key: str) -> OutcomeUnknown | Found:
        """What comes of a write that took effect, and whose answers got lost, those to its retries too.

        Its error; or what it found out by reading.
        """
        if harness.wire is None:
            self.lose_next_answer(harness.provider)
        else:
            harness.wire.lose(100)
        try:
            found = await harness.call(call, key=key)
        except OutcomeUnknown as error:
            return error
        except PaymentError as error:
            raise AssertionError(
                f"{call} took effect and its answer got lost: that is an OutcomeUnknown, not a {type(error).__name__}"
            ) from error
        finally:
            if harness.wire is not None:
                harness.wire.lose(0)
        expect(_read_last(harness), f"{call} ended well although its answer got lost: where does the result come from?")
        return Found(found)


def _read_last(harness: ProviderHarness) -> bool:
    """Whether the last thing that was sent only read."""
    return harness.wire is not None and bool(harness.wire.seen) and not harness.wire.seen[-1].writes
