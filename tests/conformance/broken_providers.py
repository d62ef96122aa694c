"""Providers that break one promise each. Not collected by itself: ``test_broken_providers.py`` runs it.

Those without HTTP are made of the embedded provider, those on the wire of the example plugin.
"""

import asyncio
import functools
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

import attrs
import httpx
import pytest
from paylattice_acme import AcmeConfig, AcmeProvider, wire
from paylattice_acme.testing import FakeAcme

from paylattice import (
    Capability,
    CheckoutSession,
    Customer,
    Invoice,
    Limit,
    Money,
    Payment,
    Plan,
    Refund,
    Subscription,
    SubscriptionChange,
    WebhookEvent,
)
from paylattice.arguments import check_id
from paylattice.errors import (
    Conflict,
    InvalidRequest,
    MalformedPayload,
    NetworkError,
    NotFound,
    OutcomeUnknown,
    PaymentError,
    ProviderUnavailable,
    RateLimited,
)
from paylattice.idempotency import new_key
from paylattice.jsonlike import JsonObject, text
from paylattice.provider import BaseProvider, Headers
from paylattice.providers.base import Refusal, Request, Response
from paylattice.providers.memory import InMemoryProvider, MemoryConfig
from paylattice.testing import ProviderConformance
from paylattice.testing.conformance_webhooks import WebhookChecks
from paylattice.transport import AsyncTransport, Transport

from .test_memory_provider import MemoryHooks

K = TypeVar("K", bound=type[BaseProvider])
DOUBLES: dict[str, set[str]] = {}
"""The name of each test class, and the checks that must fail for it: these and no others."""


class AcmeHooks(ProviderConformance):
    """The example plugin's own test class, for another provider class."""

    kind: type[AcmeProvider]

    @pytest.fixture
    def face(self) -> str:
        return "async"

    plan_id = "plan_pro"

    @pytest.fixture
    def provider(self) -> AcmeProvider:
        self.acme = FakeAcme()
        config = AcmeConfig(api_key="key_conformance_1", webhook_secret="hook_secret_1")
        return self.kind(config, transport=AsyncTransport(transport=httpx.MockTransport(self.acme)))

    def complete_checkout(self, provider: BaseProvider, session: CheckoutSession) -> None:
        self.acme.complete_checkout(session.id)

    def effects(self, provider: BaseProvider) -> int:
        return self.acme.effects

    def signed_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self.acme.delivery("hook_secret_1")

    def old_delivery(self, provider: BaseProvider) -> tuple[bytes, Mapping[str, str]]:
        return self.acme.delivery("hook_secret_1", age=3600)

    def webhook_secret(self, provider: BaseProvider) -> str:
        return "hook_secret_1"


class MemoryDouble(MemoryHooks):
    """The embedded provider's test class, for another provider class."""

    kind: type[InMemoryProvider]

    @pytest.fixture
    def face(self) -> str:
        return "async"

    @pytest.fixture
    def provider(self) -> InMemoryProvider:
        return self.made(self.kind)


def caught_by(*checks: str, operations: str = "create_customer get_customer") -> Callable[[K], K]:
    """Make a test class for the double.

    The checks of webhooks are left out where none of them is meant to fail: they would only take their time.

    Args:
        checks: those that must fail, without ``test_``; no others may.
        operations: which the checks of single operations are run for.
    """

    def register(kind: K) -> K:
        name = f"Test{kind.__name__}"
        hooks = AcmeHooks if issubclass(kind, AcmeProvider) else MemoryDouble
        meant = {f"test_{check}" for check in checks}
        about_webhooks = {check for check in vars(WebhookChecks) if check.startswith("test_")}
        left_out = set() if meant & about_webhooks else about_webhooks
        checks_of_one = {
            check: None if check in left_out else narrowed(getattr(hooks, check), operations.split())
            for check in dir(hooks)
            if check.startswith("test_")
        }
        made = type(name, (hooks,), {"kind": kind, **checks_of_one})
        made.__module__ = __name__
        globals()[name] = made
        DOUBLES[name] = meant
        return kind

    return register


def narrowed(check: Any, operations: list[str]) -> Any:
    """The check, for the calls of these operations only, if it is run for each call."""
    marks: list[pytest.Mark] = []
    for mark in getattr(check, "pytestmark", []):
        if mark.args[0] != "call":
            marks.append(mark)
            continue
        calls = [call for call in mark.args[1] if call.name in operations]
        if not calls:
            return None  # pytest collects it no more
        marks.append(pytest.mark.parametrize("call", calls, ids=str).mark)
    if marks == getattr(check, "pytestmark", []):
        return check

    @functools.wraps(check)
    def narrow(self: object, *args: object, **kwargs: object) -> object:
        return check(self, *args, **kwargs)

    narrow.pytestmark = marks  # type: ignore[attr-defined]
    return narrow


def through(name: str, change: Callable[[Any], object], *, of: type = InMemoryProvider) -> Any:
    """The operation with another answer."""
    original = getattr(of, name)

    @functools.wraps(original)
    async def call(self: object, *args: object, **kwargs: object) -> object:
        return change(await original(self, *args, **kwargs))

    return call


def without_key(name: str, key: Callable[[], str] = new_key) -> Any:
    """The operation under another key than the caller's."""
    original = getattr(InMemoryProvider, name)

    @functools.wraps(original)
    async def call(self: object, *args: object, **kwargs: object) -> object:
        return await original(self, *args, **{**kwargs, "idempotency_key": key()})

    return call


def unguarded(kind: type, **methods: Callable[..., object]) -> None:
    """Put methods into the class that the guard of ``BaseProvider`` does not see."""
    for name, method in methods.items():
        setattr(kind, name, method)


# --- what is declared --------------------------------------------------------------------------------------------


@caught_by("it_has_a_name")
class ShoutsItsName(InMemoryProvider):
    def __init__(self, config: MemoryConfig, *, transport: Transport | None = None) -> None:
        super().__init__(config, transport=transport, name="Memory")


@caught_by("it_was_written_for_this_contract")
class WrittenForAnotherContract(InMemoryProvider):
    contract_version = 2


@caught_by("it_declares_capabilities_of_this_library")
class DeclaresStrangeThings(InMemoryProvider):
    capabilities = frozenset({*Capability, "teleportation"})  # type: ignore[arg-type]


@caught_by("its_limits_are_about_what_it_lacks")
class ExcusesWhatItCanDo(InMemoryProvider):
    limits = {Capability.PAUSE: Limit("It does not feel like it.")}  # noqa: RUF012 - as plugins write it


@caught_by(
    "what_is_declared_is_there_and_what_is_not_is_refused_with_a_reason",
    "an_id_that_leads_elsewhere_is_refused_before_anything_is_sent",
    "what_does_not_exist_is_none",
    "plans_are_listed_and_found",
    operations="get_plan",
)
class DeclaresWhatItLacks(InMemoryProvider):
    get_plan = BaseProvider.get_plan


@caught_by(
    "what_is_declared_is_there_and_what_is_not_is_refused_with_a_reason", operations="pause_subscription get_customer"
)
class DoesWhatItDoesNotDeclare(InMemoryProvider):
    capabilities = frozenset(Capability) - {Capability.PAUSE}


async def _pauses(self: InMemoryProvider, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
    return Subscription(subscription_id, provider="memory")


unguarded(DoesWhatItDoesNotDeclare, pause_subscription=_pauses)


@caught_by(
    "what_is_declared_is_there_and_what_is_not_is_refused_with_a_reason",
    "its_limits_are_about_what_it_lacks",
    operations="pause_subscription get_customer",
)
class RefusesWithoutAReason(InMemoryProvider):
    capabilities = frozenset(Capability) - {Capability.PAUSE}
    limits = {Capability.PAUSE: Limit(" ")}  # noqa: RUF012 - as plugins write it


@caught_by("an_id_that_leads_elsewhere_is_refused_before_anything_is_sent", operations="get_plan")
class TakesAnyId(InMemoryProvider):
    pass


async def _any_plan(self: InMemoryProvider, plan_id: str) -> Plan | None:
    return self._world.store.plans.get(plan_id)


unguarded(TakesAnyId, get_plan=_any_plan)


class _Forgetful:
    def note(self, key: str, operation: str, arguments: object) -> None: ...


@caught_by("one_key_for_two_operations_is_refused")
class TakesOneKeyForTwoOperations(AcmeProvider):
    def __init__(self, config: AcmeConfig, *, transport: Transport | None = None) -> None:
        super().__init__(config, transport=transport)
        self.key_ledger = _Forgetful()  # type: ignore[assignment]


@caught_by("its_secrets_are_not_shown")
class ShowsItsSecret(InMemoryProvider):
    def __repr__(self) -> str:
        return f"ShowsItsSecret({self._settings.webhook_secret[0].reveal()})"


# --- what comes back ---------------------------------------------------------------------------------------------


@caught_by("a_customer_is_created", "a_customer_is_found_again")
class SaysAnotherProvider(InMemoryProvider):
    create_customer = through("create_customer", lambda made: attrs.evolve(made, provider="somebody"))
    get_customer = through("get_customer", lambda found: found and attrs.evolve(found, provider="somebody"))


@caught_by("a_customer_is_created")
class HandsOutNaiveTimes(InMemoryProvider):
    create_customer = through(
        "create_customer", lambda made: attrs.evolve(made, created_at=made.created_at.replace(tzinfo=None))
    )


@caught_by("a_customer_is_created")
class HandsOutEpochSeconds(InMemoryProvider):
    create_customer = through(
        "create_customer", lambda made: attrs.evolve(made, created_at=int(made.created_at.timestamp()))
    )


@caught_by("a_customer_is_found_again")
class LosesTheEmail(InMemoryProvider):
    get_customer = through("get_customer", lambda found: found and attrs.evolve(found, email=None))


@caught_by("a_customer_is_found_again")
class FindsTheDeleted(InMemoryProvider):
    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        pass


@caught_by("a_customer_is_found_again")
class UpdatesWhatIsNotGiven(InMemoryProvider):
    update_customer = through("update_customer", lambda made: attrs.evolve(made, email=None))


@caught_by("metadata_is_kept_or_refused")
class LosesMetadata(InMemoryProvider):
    get_customer = through("get_customer", lambda found: found and attrs.evolve(found, metadata={}))


@caught_by("metadata_is_kept_or_refused")
class ReplacesMetadata(InMemoryProvider):
    async def update_customer(
        self,
        customer_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        made = await super().update_customer(customer_id, email=email, name=name, metadata=metadata)
        return attrs.evolve(made, metadata=metadata or {})


@caught_by("what_does_not_exist_is_none", operations="get_plan")
class RaisesForTheUnknown(InMemoryProvider):
    async def get_plan(self, plan_id: str) -> Plan | None:
        found = await super().get_plan(plan_id)
        if found is None:
            raise NotFound("no such plan")
        return found


@caught_by("what_does_not_exist_cannot_be_changed", operations="pause_subscription")
class PausesTheUnknown(InMemoryProvider):
    async def pause_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        try:
            return await super().pause_subscription(subscription_id, idempotency_key=idempotency_key)
        except NotFound:
            return Subscription(subscription_id, provider="memory")


@caught_by("a_checkout_opens")
class HasNoPage(InMemoryProvider):
    create_checkout_session = through("create_checkout_session", lambda made: attrs.evolve(made, url=None))


@caught_by("a_completed_checkout_is_a_subscription", "a_subscription_changes_its_plan")
class MistakesThePlan(InMemoryProvider):
    get_subscription = through("get_subscription", lambda found: found and attrs.evolve(found, plan_id="another"))


@caught_by("a_customer_s_subscriptions_are_listed")
class HidesEndedSubscriptions(InMemoryProvider):
    list_subscriptions = through(
        "list_subscriptions", lambda found: [each for each in found if not each.status.is_terminal]
    )


@caught_by("a_subscription_is_canceled_now")
class CancelsLater(InMemoryProvider):
    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Subscription:
        return await super().cancel_subscription(subscription_id, at_period_end=True)


@caught_by("a_subscription_is_canceled_at_the_end_of_its_period")
class CancelsAtOnce(InMemoryProvider):
    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Subscription:
        return await super().cancel_subscription(subscription_id, at_period_end=False)

    get_subscription = through(
        "get_subscription",
        lambda found: (
            found and attrs.evolve(found, cancel_at=found.canceled_at and found.canceled_at - timedelta(days=1))
        ),
    )


@caught_by("a_subscription_is_canceled_now")
class CancelsOnlyOnce(InMemoryProvider):
    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Subscription:
        found = await self.get_subscription(subscription_id)
        if found is not None and found.status.is_terminal:
            raise Conflict("it has ended")
        return await super().cancel_subscription(
            subscription_id, at_period_end=at_period_end, idempotency_key=idempotency_key
        )


@caught_by("a_subscription_is_changed")
class IgnoresTheQuantity(InMemoryProvider):
    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        return await super().change_subscription(subscription_id, plan_id=plan_id, quantity=1)


@caught_by("a_subscription_is_paused_and_resumed")
class HidesThePause(InMemoryProvider):
    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        found = await super().get_subscription(subscription_id)
        if found is not None and found.status == "paused":
            return attrs.evolve(found, status="active")
        return found


@caught_by("usage_is_accepted", operations="create_usage_record")
class RefusesZero(InMemoryProvider):
    async def create_usage_record(
        self,
        subscription_item_id: str,
        quantity: int,
        timestamp: Any = None,
        *,
        idempotency_key: str | None = None,
    ) -> bool:
        if quantity == 0:
            return False
        return await super().create_usage_record(
            subscription_item_id, quantity, timestamp, idempotency_key=idempotency_key
        )


@caught_by("invoices_are_listed")
class IgnoresTheLimit(InMemoryProvider):
    async def get_invoices(
        self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None
    ) -> list[Invoice]:
        return (await super().get_invoices(customer_id, 100, subscription_id=subscription_id)) * 2


@caught_by("a_payment_is_made_and_refunded")
class MistakesTheAmount(InMemoryProvider):
    get_payment = through("get_payment", lambda found: found and attrs.evolve(found, amount=Money(19, "USD")))


@caught_by("a_payment_is_made_and_refunded", operations="refund_payment")
class RefundsWithoutEnd(InMemoryProvider):
    async def refund_payment(
        self,
        payment_id: str,
        amount: Money | None = None,
        reason: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Refund:
        try:
            return await super().refund_payment(payment_id, amount, reason, idempotency_key=idempotency_key)
        except InvalidRequest:
            return Refund("re_more", amount or Money(1, "USD"), payment_id=payment_id, provider="memory")


@caught_by("an_authorized_payment_is_captured")
class CapturesAtOnce(InMemoryProvider):
    async def get_payment(self, payment_id: str) -> Payment | None:
        found = await super().get_payment(payment_id)
        return attrs.evolve(found, status="succeeded") if found is not None and found.status == "authorized" else found


@caught_by("a_saved_payment_method_is_charged_and_forgotten", operations="remove_payment_method")
class KeepsTheCard(InMemoryProvider):
    async def remove_payment_method(self, payment_method_id: str, *, idempotency_key: str | None = None) -> None:
        await super().remove_payment_method("pm_another", idempotency_key=idempotency_key)


@caught_by("plans_are_listed_and_found", operations="get_plan")
class ReadsPlansDifferently(InMemoryProvider):
    get_plan = through("get_plan", lambda found: found and attrs.evolve(found, interval="year"))


@caught_by("events_are_listed", operations="list_events")
class ListsNewestFirst(InMemoryProvider):
    list_events = through(
        "list_events",
        lambda found: [
            *(attrs.evolve(each, created_at=each.created_at + timedelta(hours=1)) for each in found),
            *found,
        ],
    )


# --- one key, one effect -----------------------------------------------------------------------------------------


@caught_by("the_same_key_has_one_effect", "a_lost_answer_leads_to_no_second_effect")
class IgnoresTheKey(InMemoryProvider):
    create_customer = without_key("create_customer")


@caught_by(
    "the_same_key_has_one_effect",
    "a_lost_answer_leads_to_no_second_effect",
    operations="create_usage_record",
)
class CountsUsageTwice(InMemoryProvider):
    create_usage_record = without_key("create_usage_record")


@caught_by("another_key_is_another_operation", operations="create_payment_session")
class TakesAllForOne(InMemoryProvider):
    create_payment_session = without_key("create_payment_session", lambda: "always-the-same")


@caught_by("a_lost_answer_leads_to_no_second_effect")
class RecoversAsNew(InMemoryProvider):
    async def recover(self, error: PaymentError) -> object:
        return await self.create_customer("conformance@example.com", "Conformance")


@caught_by("a_lost_answer_leads_to_no_second_effect")
class SaysThatNothingHappened(InMemoryProvider):
    async def create_customer(
        self,
        email: str,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Customer:
        try:
            return await super().create_customer(email, name, metadata, idempotency_key=idempotency_key)
        except OutcomeUnknown:
            pass
        raise NetworkError("no answer")


# --- on the wire -------------------------------------------------------------------------------------------------


@caught_by(
    "a_write_carries_its_key",
    "the_same_key_has_one_effect",
    "the_same_key_has_one_effect_in_another_process",
    "a_lost_answer_leads_to_no_second_effect",
    "an_answer_that_is_lost_once_is_asked_for_again",
)
class SendsNoKey(AcmeProvider):
    idempotency_header = None


@caught_by(
    "a_write_carries_its_key",
    "the_same_key_has_one_effect",
    "the_same_key_has_one_effect_in_another_process",
    "a_lost_answer_leads_to_no_second_effect",
    "an_answer_that_is_lost_once_is_asked_for_again",
)
class SendsAKeyOfItsOwn(AcmeProvider):
    def _addressed(self, request: Request) -> Request:
        return super()._addressed(attrs.evolve(request, idempotency_key=new_key()) if request.writes else request)


class _Sending(AcmeProvider):
    """With a hand on what is sent and answered."""

    async def around(self, send: Callable[[], Awaitable[Any]], request: Request) -> Any:
        return await send()

    async def send(self, request: Request, into: Any = None) -> Any:
        parent = super()
        return await self.around(lambda: parent.send(request, into), request)


@caught_by("a_write_carries_its_key")
class RetriesUnderANewKey(AcmeProvider):
    async def send(self, request: Request, into: Any = None) -> Any:
        try:
            return await super().send(request, into)
        except OutcomeUnknown:
            return await super().send(attrs.evolve(request, idempotency_key=new_key()), into)


@caught_by(
    "a_write_carries_its_key",
    "the_same_key_has_one_effect_in_another_process",
    "a_lost_answer_leads_to_no_second_effect",
    "an_answer_that_is_lost_once_is_asked_for_again",
)
class RemembersKeysOnlyHere(AcmeProvider):
    """It answers a repeated key from its own memory, and sends none."""

    idempotency_header = None

    async def send(self, request: Request, into: Any = None) -> Any:
        answers: dict[str | None, object] = self.__dict__.setdefault("answers", {})
        if request.writes and request.idempotency_key in answers:
            return answers[request.idempotency_key]
        answers[request.idempotency_key] = answer = await super().send(request, into)
        return answer


@caught_by(
    "a_write_without_an_answer_is_an_unknown_outcome",
    "a_success_that_makes_no_sense",
    "a_lost_answer_leads_to_no_second_effect",
)
class SaysThatAllIsKnown(_Sending):
    async def around(self, send: Callable[[], Awaitable[Any]], request: Request) -> Any:
        try:
            return await send()
        except OutcomeUnknown as error:
            message = error.message
        raise ProviderUnavailable(message)


@caught_by("a_read_without_an_answer_is_worth_another_try")
class MakesReadsUncertain(_Sending):
    async def around(self, send: Callable[[], Awaitable[Any]], request: Request) -> Any:
        try:
            return await send()
        except (NetworkError, ProviderUnavailable) as error:
            if request.writes:
                raise
            message = error.message
        raise OutcomeUnknown(message)


@caught_by("what_never_left_changed_nothing")
class FearsTheWorst(_Sending):
    async def around(self, send: Callable[[], Awaitable[Any]], request: Request) -> Any:
        try:
            return await send()
        except NetworkError as error:
            if not request.writes or error.outcome_unknown:
                raise
            message = error.message
        raise OutcomeUnknown(message)


@caught_by("a_success_that_makes_no_sense")
class ReadsAfterwards(AcmeProvider):
    """A model is made outside of ``send``: what cannot be read looks as if nothing had been written."""

    async def create_customer(
        self,
        email: str,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Customer:
        body = wire.customer_request(email, name, metadata)
        data = await self.send(Request("POST", "/customers", json=body, idempotency_key=idempotency_key))
        return wire.customer_from(data)


@caught_by("a_success_that_makes_no_sense")
class BelievesAnything(AcmeProvider):
    async def get_plan(self, plan_id: str) -> Plan | None:
        return None

    async def create_customer(
        self,
        email: str,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Customer:
        body = wire.customer_request(email, name, metadata)
        request = Request("POST", "/customers", json=body, idempotency_key=idempotency_key)
        data = await self.send(request)
        reference = text(data, "ref") or "unknown"
        return attrs.evolve(wire.customer_from({**data, "ref": reference}), raw=data)


@caught_by(
    "a_refusal_is_an_error_of_this_library",
    "a_rate_limit_says_how_long_to_wait",
    "a_customer_is_found_again",
    "what_does_not_exist_is_none",
)
class MistakesARefusal(AcmeProvider):
    def refusal_from(self, body: JsonObject, response: Response) -> Refusal:
        return attrs.evolve(super().refusal_from(body, response), kind=InvalidRequest)


@caught_by("a_redirect_is_not_followed")
class FollowsRedirects(AcmeProvider):
    async def send(self, request: Request, into: Any = None) -> Any:
        sent = self._addressed(request)
        response = await self.transport.send(sent)
        if response.status in range(300, 400):
            await self.transport.send(attrs.evolve(sent, url=response.headers["location"]))
        return await super().send(request, into)


@caught_by("an_error_holds_nothing_secret_and_nothing_personal")
class RepeatsWhatItIsTold(AcmeProvider):
    async def send(self, request: Request, into: Any = None) -> Any:
        try:
            return await super().send(request, into)
        except InvalidRequest as error:
            raise InvalidRequest(f"{error.message} {request.json} {dict(self.auth_headers())}") from None


@caught_by("a_rate_limit_says_how_long_to_wait")
class ForgetsHowLongToWait(_Sending):
    async def around(self, send: Callable[[], Awaitable[Any]], request: Request) -> Any:
        try:
            return await send()
        except RateLimited as error:
            message = error.message
        raise RateLimited(message)


@caught_by("a_failure_that_passes_is_tried_again")
class GivesUpAtOnce(AcmeProvider):
    def retry_hint(self, response: Response) -> bool | None:
        return False


@caught_by("closing_leaves_to_others_what_is_theirs")
class ClosesWhatIsNotItsOwn(AcmeProvider):
    async def aclose(self) -> None:
        await self.transport.aclose()


@caught_by(
    "it_sends_through_the_transport_that_it_is_given",
    "closing_leaves_to_others_what_is_theirs",
    "a_failure_that_passes_is_tried_again",
    "a_rate_limit_says_how_long_to_wait",
    # and as it reaches another Acme each time
    "a_customer_is_found_again",
    "metadata_is_kept_or_refused",
    "a_checkout_opens",
    "a_completed_checkout_is_a_subscription",
    "a_subscription_is_canceled_now",
    operations="",
)
class SendsItsOwnWay(AcmeProvider):
    def __init__(self, config: AcmeConfig, *, transport: Transport | None = None) -> None:
        super().__init__(config, transport=transport)

    @property
    def transport(self) -> Transport:
        return AsyncTransport(transport=httpx.MockTransport(FakeAcme()))


@caught_by("it_serves_several_event_loops")
class BelongsToOneLoop(AcmeProvider):
    def __init__(self, config: AcmeConfig, *, transport: Transport | None = None) -> None:
        super().__init__(config, transport=transport)
        self._loop: object = None

    async def send(self, request: Request, into: Any = None) -> Any:
        try:
            loop: object = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        self._loop = self._loop or loop
        if loop is not self._loop:
            raise NetworkError("this client belongs to another event loop")
        return await super().send(request, into)


@caught_by("blocking_and_async_send_the_same")
class WaitsByItself(AcmeProvider):
    async def send(self, request: Request, into: Any = None) -> Any:
        await asyncio.sleep(0)
        return await super().send(request, into)


@caught_by("a_success_that_makes_no_sense", operations="get_checkout_session")
class LetsKeyErrorsEscape(AcmeProvider):
    pass


async def _raw_checkout(self: AcmeProvider, session_id: str) -> CheckoutSession | None:
    check_id("session_id", session_id)
    try:
        data = await self.send(Request("GET", f"/checkouts/{session_id}"))
    except NotFound:
        return None
    return wire.checkout_from({**data, "ref": data["ref"]})


unguarded(LetsKeyErrorsEscape, get_checkout_session=_raw_checkout)


# --- webhooks ----------------------------------------------------------------------------------------------------

_FORGED = (
    "a_forged_body_is_refused",
    "a_forged_signature_is_refused",
    "headers_that_hold_no_signature_are_refused",
    "a_signature_does_not_fit_another_delivery",
    "an_old_delivery_is_refused",
    "a_refusal_repeats_nothing_of_the_delivery",
)


@caught_by(*_FORGED)
class BelievesEverybody(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        from paylattice_acme.webhooks import event_from

        data = json.loads(payload)
        return event_from({"at": "2026-01-31T12:00:00Z", "event_ref": "ev_1", "kind": "x", **data})


@caught_by("an_old_delivery_is_refused")
class TakesReplays(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        from paylattice_acme.webhooks import SIGNATURE, event_from

        patient = attrs.evolve(SIGNATURE, tolerance=10**9)
        return event_from(patient.verified(payload, headers, self.config.webhook_secret, now=1.8e9))


@caught_by("a_forged_body_is_refused")
class ParsesBeforeItVerifies(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        data = payload if isinstance(payload, dict) else json.loads(payload)
        return await super().parse_webhook(json.dumps(data).encode(), headers)


@caught_by("headers_may_come_as_frameworks_hand_them_out")
class WantsItsHeadersJustSo(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        value = headers.get("Acme-Signature", "") if isinstance(headers, Mapping) else ""
        return await super().parse_webhook(payload, {"Acme-Signature": value})


@caught_by("the_same_delivery_has_the_same_key")
class CountsDeliveries(AcmeProvider):
    parse_webhook = through("parse_webhook", lambda event: attrs.evolve(event, dedupe_key=new_key()), of=AcmeProvider)


@caught_by("a_delivery_is_read")
class InventsNames(AcmeProvider):
    parse_webhook = through("parse_webhook", lambda event: attrs.evolve(event, type="customer_added"), of=AcmeProvider)


@caught_by("a_delivery_is_verified_with_a_given_secret")
class TakesAnEmptySecret(AcmeProvider):
    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        return super().verify_webhook_signature(payload, signature, secret or "hook_secret_1")


@caught_by("a_refusal_repeats_nothing_of_the_delivery", "an_old_delivery_is_refused")
class QuotesTheDelivery(AcmeProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        try:
            return await super().parse_webhook(payload, headers)
        except PaymentError:
            pass
        raise MalformedPayload(f"cannot read {payload!r}")


@caught_by("noise_is_refused", "a_forged_body_is_refused", "a_payload_that_is_no_body_is_refused")
class StumblesOverNoise(AcmeProvider):
    pass


async def _stumbles(self: AcmeProvider, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
    json.loads(payload)
    return await AcmeProvider.parse_webhook(self, payload, headers)


unguarded(StumblesOverNoise, parse_webhook=_stumbles)
