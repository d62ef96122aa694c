"""The provider under test, in one of its two faces, and what its author tells the suite about it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NoReturn, TypeVar, cast

import attrs
import pytest

from ..config import Secret
from ..driving import run
from ..errors import OutcomeUnknown, PaymentError
from ..models import CheckoutSession
from ..money import Money
from ..operations import Capability
from ..provider import BaseProvider
from ..transport import AsyncTransport, BlockingTransport, Transport
from ..transport.base import HTTPTransport
from .conformance_calls import CALLS, Call
from .conformance_models import expect
from .conformance_wire import Manners, Seen, Server, Wire
from .http_library import httpx

__all__ = ["Found", "ProviderChecks", "Subject", "on_the_wire", "secrets_of", "settled"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])
_ON_THE_WIRE = "__paylattice_on_the_wire__"


def on_the_wire(check: F) -> F:
    """Mark a check that watches requests: a provider without HTTP does without it."""
    setattr(check, _ON_THE_WIRE, True)
    return check


async def _no_wait(_seconds: float) -> None:
    """Retries follow at once."""


async def settled(value: Awaitable[T] | T) -> T:
    """What a hook answers, whether it is ``async def`` or not."""
    return await cast("Awaitable[T]", value) if isinstance(value, Awaitable) else value


def secrets_of(provider: BaseProvider) -> list[str]:
    """The texts of all secrets in the provider's configuration."""
    config = provider._config  # pyright: ignore[reportPrivateUsage]
    values = [getattr(config, setting.field) for setting in config.settings()] if config is not None else []
    found: list[str] = []
    for value in values:
        parts = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (cast("object", value),)
        found.extend(part.reveal() for part in parts if isinstance(part, Secret))
    return found


@attrs.define
class Subject:
    """A provider, and how to drive it.

    Args:
        provider: the provider.
        face: ``async`` (on an event loop) or ``blocking`` (as :mod:`paylattice.sync` does).
        wire: what its requests go through; None: it has no HTTP.
        played: whether something answers as the provider does.
        patience: seconds that a check may take on an event loop.
    """

    provider: BaseProvider
    face: str
    wire: Wire | None = None
    played: bool = True
    patience: float = 120.0

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result, in the way of the face."""
        __tracebackhide__ = True
        try:
            if self.face == "blocking":
                return run(coroutine)
            return asyncio.run(self._on_a_loop(coroutine))
        finally:
            crash = self.wire.crash if self.wire else None
            if isinstance(crash, AssertionError):
                raise crash
            if crash is not None:
                raise AssertionError("what plays the provider failed: see the cause") from crash

    async def _on_a_loop(self, coroutine: Coroutine[Any, Any, T]) -> T:
        try:
            async with asyncio.timeout(self.patience):
                return await coroutine
        finally:
            if self.wire is not None:
                await self.wire.aclose()

    async def call(self, call: Call, *, key: str | None = None, **changed: object) -> object:
        """Call the operation."""
        arguments: dict[str, object] = {**call.arguments, **changed}
        if key is not None:
            arguments["idempotency_key"] = key
        result: object = await getattr(self.provider, call.name)(**arguments)
        return result

    async def failure(self, call: Call, *, key: str | None = None, **changed: object) -> PaymentError | None:
        """The error that the operation ends in; None if it ends well.

        Raises:
            AssertionError: something else escaped.
        """
        try:
            await self.call(call, key=key, **changed)
        except PaymentError as error:
            return error
        except Exception as exc:
            raise AssertionError(f"{call} let {type(exc).__name__} escape: only this library's errors may") from exc
        return None


@attrs.frozen
class Found:
    """What an operation came to know although its answer got lost."""

    answer: object


class ProviderChecks:
    """What the author of a provider tells the suite: one fixture, and what only the author can know.

    Everything but the fixture is optional; a check that would need more is skipped, and says what it needs.
    """

    http: ClassVar[bool] = True
    """Whether the provider speaks HTTP through its transport. If not, what watches the wire is left out."""
    network: ClassVar[bool] = False
    """Whether the provider of the fixture talks to a real sandbox, which then plays the provider."""
    examples: ClassVar[Mapping[str, object]] = {}
    """Sample arguments by name, where the suite's own are not of a form that the provider takes; ``"operation.name"`` for one
    operation only, also for an argument that the suite leaves out."""
    without_keys: ClassVar[frozenset[str]] = frozenset()
    """Operations whose endpoints honour no idempotency key. They must then never be sent twice by themselves."""
    without_requests: ClassVar[frozenset[str]] = frozenset()
    """Operations that need no request at all, because the provider keeps no such objects."""
    searches: ClassVar[tuple[str, ...]] = ()
    """The ends of the paths of POSTs that only read."""
    access: ClassVar[tuple[str, ...]] = ()
    """The ends of the paths of requests that only fetch an access token. What plays the provider answers them, also where a
    check puts another server in its place, and they are not counted."""
    quantities: ClassVar[bool] = True
    """Whether a subscription's quantity can be changed."""
    plan_id: ClassVar[str | None] = None
    """A plan that can be subscribed to; without it, the first that ``list_plans`` brings, if that is declared."""
    other_plan_id: ClassVar[str | None] = None
    """Another one, to change to; without it, the next that ``list_plans`` brings."""
    metered_plan_id: ClassVar[str | None] = None
    """A metered plan; without it, the first metered one that ``list_plans`` brings."""
    currency: ClassVar[str] = "USD"
    """The currency of one-off payments."""
    webhook_url: ClassVar[str | None] = None
    """Where deliveries arrive, for providers that sign it."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        if not cls.http:
            for name in dir(cls):
                if getattr(getattr(cls, name, None), _ON_THE_WIRE, False):
                    setattr(cls, name, None)  # pytest collects it no more

    @pytest.fixture
    def provider(self) -> BaseProvider:
        """The provider, ready for use. A new one for each check."""
        message = "the suite needs one fixture, provider: @pytest.fixture def provider(self) -> AcmeProvider: ..."
        raise NotImplementedError(message)

    def rebuilt(self, provider: BaseProvider, transport: Transport) -> BaseProvider:
        """The same provider over another transport. The default calls its class with its configuration."""
        return type(provider)(provider._config, transport=transport)  # pyright: ignore[reportPrivateUsage]

    def backend(self, provider: BaseProvider) -> httpx.BaseTransport | httpx.AsyncBaseTransport | None:
        """What plays the provider: an httpx transport, such as ``httpx.MockTransport`` over a stateful fake.

        The default takes the one that the fixture handed to the provider's ``AsyncTransport``.
        """
        transport = provider._transport  # pyright: ignore[reportPrivateUsage]
        inner = getattr(transport, "_transport", None) if isinstance(transport, HTTPTransport) else None
        return inner if isinstance(inner, httpx.BaseTransport | httpx.AsyncBaseTransport) else None

    def complete_checkout(self, provider: BaseProvider, session: CheckoutSession) -> Awaitable[None] | None:
        """Be the customer who subscribes on the session's page. This and the next hooks may be ``async def``."""
        self.needs("complete_checkout", "who subscribes on the checkout page")

    def complete_payment(self, provider: BaseProvider, session: CheckoutSession) -> Awaitable[None] | None:
        """Be the customer who pays on the session's page, which was made by ``create_payment_session``."""
        self.needs("complete_payment", "who pays on the checkout page")

    async def finish_payment(self, provider: BaseProvider, session: CheckoutSession, *, capture: bool) -> None:
        """What the application has to do when the customer has paid on the page, where the provider waits for it."""

    def delay_refunds(self, provider: BaseProvider) -> Awaitable[None] | None:
        """Let the next refunds be on their way for a while, where the provider has such."""

    def paid_in_parts(self, provider: BaseProvider) -> Awaitable[str] | str:
        """The id of a payment of 19.00 that was taken in two parts, the larger of which is less than 15.00."""
        self.needs("paid_in_parts", "how a payment comes to be taken in several parts, if there is such")

    def saved_payment_method(self, provider: BaseProvider, customer_id: str) -> Awaitable[str] | str:
        """The id of a payment method that is saved for the customer."""
        self.needs("saved_payment_method", "how a customer comes to have a saved payment method")

    def declining_payment_method(self, provider: BaseProvider, customer_id: str) -> Awaitable[str] | str:
        """The id of one whose bank refuses every charge."""
        self.needs("declining_payment_method", "how a saved payment method is refused")

    def payer(self, provider: BaseProvider, customer_id: str) -> str:
        """The id under which the provider lists what the customer has saved, where it is another than the customer's."""
        return customer_id

    def key_on_the_wire(self, request: Seen) -> str | None:
        """The idempotency key that a request carries; None: it carries none.

        The default does not know where the provider looks for it. The suite then searches the headers and the body for
        a text that is the same for the same key, and another for another: also a shortened or derived form is found so.
        Say it where you can, in one line: ``return request.header("Idempotency-Key")``.
        """
        return None

    def lose_next_answer(self, provider: BaseProvider) -> None:
        """Let the next operation take effect and its answer get lost: only for a provider without HTTP."""
        self.needs("lose_next_answer", "how an answer gets lost, as there is no wire to cut")

    def effects(self, provider: BaseProvider) -> object:
        """What the provider's side holds, as a value that changes with every effect: None if that cannot be told."""
        return None

    def signed_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        """The body and the headers of a webhook, signed now and with the secret of the provider's configuration."""
        self.needs("signed_delivery", "how the provider signs its webhooks")

    def old_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        """The same, but signed an hour ago: for schemes that sign a time."""
        self.needs("old_delivery", "how an old delivery looks, if the scheme signs a time")

    def early_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        """The same, but signed for an hour from now."""
        self.needs("early_delivery", "how a delivery from the future looks, if the scheme signs a time")

    def other_mode_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        """The same, but of an event of the other mode: a live one where the provider's settings are for tests, say."""
        self.needs("other_mode_delivery", "how an event of the other mode (live, test) looks, if the provider tells")

    def webhook_secret(self, provider: BaseProvider) -> str:
        """The secret that :meth:`signed_delivery` signs with."""
        self.needs("webhook_secret", "the secret that deliveries are signed with")

    # --- what the checks use -------------------------------------------------------------------------------------

    def needs(self, hook: str, what: str) -> NoReturn:
        """Skip the check, and say what would make it run."""
        pytest.skip(f"implement {type(self).__name__}.{hook}: the suite cannot know {what}")

    @pytest.fixture(params=["async", "blocking"])
    def face(self, request: pytest.FixtureRequest) -> str:
        """Every check runs once on an event loop, and once without."""
        return cast("str", request.param)

    @pytest.fixture
    def subject(self, face: str, provider: BaseProvider) -> Iterator[Subject]:
        """The provider in front of what plays it."""
        if not self.http:
            yield Subject(provider, face)
            return
        behind = self.backend(provider)
        made = self.over(provider, face, self.wired(provider, behind))
        made.played = behind is not None or self.network
        yield made
        if made.wire is not None:
            made.wire.close()

    def over(self, provider: BaseProvider, face: str, wire: Wire) -> Subject:
        """The provider, rebuilt over the wire. Retries do not wait."""
        transport: Transport
        if face == "blocking":
            transport = BlockingTransport(transport=wire, sleep=lambda _seconds: None)
        else:
            transport = AsyncTransport(transport=wire, sleep=_no_wait)
        return Subject(self.rebuilt(provider, transport), face, wire)

    def against(self, subject: Subject, server: Server) -> tuple[Subject, Wire]:
        """The provider in front of a server that answers as the check wants."""
        wire = self.wired(subject.provider, server)
        return self.over(subject.provider, subject.face, wire), wire

    def wired(
        self, provider: BaseProvider, behind: "Server | httpx.BaseTransport | httpx.AsyncBaseTransport | None"
    ) -> Wire:
        """A wire to what answers."""
        return Wire(behind, Manners(self.searches, self.access), self.backend(provider))

    def outcomes(
        self, subject: Subject, call: Call, servers: Mapping[str, Server], *, key: str | None = None
    ) -> list[tuple[str, PaymentError | None, list[Seen]]]:
        """How the call ends in front of each of the servers: the server's name, the error if any, and what was sent."""
        there, wire = self.against(subject, next(iter(servers.values())))
        found: list[tuple[str, PaymentError | None, list[Seen]]] = []

        async def one_after_another() -> None:
            for name, server in servers.items():
                wire.serve(server)
                found.append((name, await there.failure(call, key=key), wire.seen))

        there.run(one_after_another())
        return found

    def keys_in(self, request: Seen) -> frozenset[str]:
        """The texts among which the request's idempotency key is."""
        if type(self).key_on_the_wire is ProviderChecks.key_on_the_wire:
            return request.words()
        key = self.key_on_the_wire(request)
        return frozenset() if key is None else frozenset({key})

    def expect_keys(self, call: Call, first: Sequence[Seen], same: Sequence[Seen], other: Sequence[Seen]) -> None:
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

    def only_if_declared(self, subject: Subject, *capabilities: Capability | None) -> None:
        """Skip the check unless the provider declares the capabilities."""
        for capability in capabilities:
            if capability is not None and capability not in subject.provider.capabilities:
                pytest.skip(f"{subject.provider.get_provider_name()} does not declare {capability}")

    def only_if_played(self, subject: Subject, *capabilities: Capability | None) -> None:
        """Skip the check unless the provider declares the capabilities, and something plays it."""
        self.only_if_declared(subject, *capabilities)
        if not subject.played:
            pytest.skip(
                "nothing plays the provider: hand it AsyncTransport(transport=httpx.MockTransport(fake)), or set "
                "network = True if the fixture's provider talks to a sandbox"
            )

    def wire(self, subject: Subject) -> Wire:
        """What the provider's requests go through, for checks that are ``on_the_wire``."""
        if subject.wire is None:
            pytest.skip("the provider has no HTTP")
        return subject.wire

    async def unanswered(self, subject: Subject, call: Call, key: str) -> OutcomeUnknown | Found:
        """What comes of a write that took effect, and whose answers got lost, those to its retries too.

        Its error; or what it found out by itself, by reading.
        """
        if subject.wire is None:
            self.lose_next_answer(subject.provider)
        else:
            subject.wire.lose(100)
        try:
            found = await subject.call(call, key=key)
        except OutcomeUnknown as error:
            return error
        except PaymentError as error:
            raise AssertionError(
                f"{call} took effect and its answer got lost: that is an OutcomeUnknown, not a {type(error).__name__}"
            ) from error
        finally:
            if subject.wire is not None:
                subject.wire.lose(0)
        expect(_read_last(subject), f"{call} ended well although its answer got lost: where does the result come from?")
        return Found(found)


def _read_last(subject: Subject) -> bool:
    """Whether the last thing that was sent only read."""
    return subject.wire is not None and bool(subject.wire.seen) and not subject.wire.seen[-1].writes
