"""Providers that break one promise each, made of the embedded one. ``test_broken_providers.py`` runs the suite on them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import attrs

from paylattice import (
    Capability,
    ChangePreview,
    CheckoutSession,
    Customer,
    Invoice,
    Money,
    Payment,
    Plan,
    Refund,
    Subscription,
    SubscriptionChange,
    UnsupportedReason,
    WebhookEvent,
)
from paylattice.errors import Conflict, Declined, InvalidRequest, NetworkError, NotFound, OutcomeUnknown, PaymentError
from paylattice.provider import BaseProvider, Headers
from paylattice.providers.memory import InMemoryProvider, MemoryConfig
from paylattice.providers.memory.webhooks import SIGNATURE
from paylattice.providers.memory.wire import event_from
from paylattice.transport import Transport

from .provider_doubles import caught_by, through, unguarded, without_key

# --- what is declared --------------------------------------------------------------------------------------------


@caught_by("it_has_a_name")
class ShoutsItsName(InMemoryProvider):
    def __init__(self, config: MemoryConfig, *, transport: Transport | None = None) -> None:
        super().__init__(config, transport=transport, name="Memory")


@caught_by("it_was_written_for_this_contract")
class WrittenForAnotherContract(InMemoryProvider):
    contract_version = 99


@caught_by("it_declares_capabilities_of_this_library")
class DeclaresStrangeThings(InMemoryProvider):
    capabilities = frozenset({*InMemoryProvider.capabilities, "teleportation"})  # type: ignore[arg-type]


@caught_by("its_unsupported_reasons_are_about_what_it_lacks")
class ExcusesWhatItCanDo(InMemoryProvider):
    unsupported = {Capability.PAUSE: UnsupportedReason("It does not feel like it.")}  # noqa: RUF012 - as plugins write it


@caught_by(
    "what_reads_changes_nothing",
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
    capabilities = InMemoryProvider.capabilities - {Capability.PAUSE}


async def _pauses(self: InMemoryProvider, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
    return Subscription(subscription_id, provider="memory")


unguarded(DoesWhatItDoesNotDeclare, pause_subscription=_pauses)


@caught_by(
    "what_is_declared_is_there_and_what_is_not_is_refused_with_a_reason",
    "its_unsupported_reasons_are_about_what_it_lacks",
    operations="pause_subscription get_customer",
)
class RefusesWithoutAReason(InMemoryProvider):
    capabilities = InMemoryProvider.capabilities - {Capability.PAUSE}
    unsupported = {Capability.PAUSE: UnsupportedReason(" ")}  # noqa: RUF012 - as plugins write it


@caught_by("an_id_that_leads_elsewhere_is_refused_before_anything_is_sent", operations="get_plan")
class TakesAnyId(InMemoryProvider):
    pass


async def _any_plan(self: InMemoryProvider, plan_id: str) -> Plan | None:
    return self._world.store.plans.get(plan_id)


unguarded(TakesAnyId, get_plan=_any_plan)


@caught_by("its_secrets_are_not_shown")
class ShowsItsSecret(InMemoryProvider):
    def __repr__(self) -> str:
        return f"ShowsItsSecret({self._settings.webhook_secret[0].reveal()})"


# --- what comes back ---------------------------------------------------------------------------------------------


@caught_by("what_reads_changes_nothing", "a_customer_is_created", "a_customer_is_found_again")
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


@caught_by("a_customer_is_found_again", "customers_are_listed_page_by_page")
class FindsTheDeleted(InMemoryProvider):
    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        pass


@caught_by("a_customer_is_found_again", "a_customer_needs_no_e_mail_address")
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
        phone: str | None = None,
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


@caught_by(
    "a_completed_checkout_is_a_subscription",
    "a_subscription_changes_its_plan",
    "a_subscription_begins_without_a_page",
    "a_change_at_the_period_s_end_leaves_the_paid_plan_until_then",
    "a_scheduled_change_is_taken_back",
    "a_subscription_with_a_scheduled_change_can_be_ended",
    "a_preview_of_a_change_is_what_the_change_then_costs",
    "a_preview_tells_a_change_that_is_billed_at_once_from_one_that_is_not",
)
class MistakesThePlan(InMemoryProvider):
    get_subscription = through("get_subscription", lambda found: found and attrs.evolve(found, plan_id="another"))


@caught_by("a_checkout_tells_which_subscription_is_its_own")
class ProvesNothingAndTellsNothing(InMemoryProvider):
    browser_makes_subscriptions = True


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
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> Subscription:
        return await super().cancel_subscription(subscription_id, at_period_end=True)


@caught_by("a_cancellation_is_taken_back")
class TakesNoCancellationBack(InMemoryProvider):
    async def uncancel_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        return self._subscriptions.get(subscription_id).model()


@caught_by("a_scheduled_change_is_taken_back")
class KeepsWhatIsScheduled(InMemoryProvider):
    async def cancel_scheduled_change(
        self, subscription_id: str, *, idempotency_key: str | None = None
    ) -> Subscription:
        return self._subscriptions.get(subscription_id).model()


@caught_by("a_change_at_the_period_s_end_leaves_the_paid_plan_until_then", "a_scheduled_change_is_taken_back")
class ChangesAtOnce(InMemoryProvider):
    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: Any = None,
        payment: Any = "invoice",
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        return await super().change_subscription(subscription_id, plan_id=plan_id, quantity=quantity, payment=payment)


@caught_by("a_preview_of_a_change_is_what_the_change_then_costs")
class ChangesWhatItPreviews(InMemoryProvider):
    async def preview_change(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: Any = None,
        payment: Any = "invoice",
    ) -> ChangePreview:
        found = await super().preview_change(subscription_id, plan_id=plan_id, when=when, payment=payment)
        await self.change_subscription(subscription_id, plan_id=plan_id, when=when, payment=payment)
        return found


@caught_by("a_preview_of_a_change_is_what_the_change_then_costs")
class PromisesTooLittle(InMemoryProvider):
    preview_change = through("preview_change", lambda found: attrs.evolve(found, due_now=found.due_now * 0))


@caught_by("a_preview_tells_a_change_that_is_billed_at_once_from_one_that_is_not")
class ShowsTheNextInvoiceAsDue(InMemoryProvider):
    preview_change = through(
        "preview_change",
        lambda found: found if found.lines_now else attrs.evolve(found, due_now=found.due_next),
    )


@caught_by("what_is_owed_is_collected_again")
class CollectsNothing(InMemoryProvider):
    async def bill_outstanding(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        return self._subscriptions.get(subscription_id).model()


@caught_by("a_subscription_is_canceled_at_the_end_of_its_period", "a_cancellation_is_taken_back")
class CancelsAtOnce(InMemoryProvider):
    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        final_invoice: bool = False,
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
        final_invoice: bool = False,
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
        when: Any = None,
        payment: Any = "invoice",
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        return await super().change_subscription(
            subscription_id, plan_id=plan_id, quantity=1, when=when, payment=payment
        )


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


@caught_by("money_of_other_currencies_is_the_same_or_refused", "a_payment_is_made_and_refunded")
class MistakesTheAmount(InMemoryProvider):
    get_payment = through("get_payment", lambda found: found and attrs.evolve(found, amount=Money(19, "USD")))


@caught_by(
    "a_payment_is_made_and_refunded",
    "what_is_left_is_what_no_refund_has_taken_or_is_about_to_take",
    operations="refund_payment",
)
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


@caught_by("what_is_left_is_what_no_refund_has_taken_or_is_about_to_take")
class HidesWhatIsOnItsWay(InMemoryProvider):
    async def get_payment(self, payment_id: str) -> Payment | None:
        found = await super().get_payment(payment_id)
        pending = any(each.status == "pending" for each in self._world.store.refunds.values())
        return attrs.evolve(found, status="succeeded") if found is not None and pending else found


@caught_by("a_payment_in_several_parts_is_given_back_whole", paid_in_parts=lambda *_: "pay_of_two_captures")
class RefundsTheLastPartOnly(InMemoryProvider):
    """A payment of 12.00 and 7.00, of which only the second part is given back."""

    async def get_payment(self, payment_id: str) -> Payment | None:
        if payment_id != "pay_of_two_captures":
            return await super().get_payment(payment_id)
        whole = Money(1900, "USD")
        return Payment(payment_id, whole, amount_captured=whole, provider="memory")

    async def refund_payment(
        self,
        payment_id: str,
        amount: Money | None = None,
        reason: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Refund:
        if payment_id != "pay_of_two_captures":
            return await super().refund_payment(payment_id, amount, reason, idempotency_key=idempotency_key)
        return Refund("re_last", Money(700, "USD"), payment_id=payment_id, provider="memory")


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


@caught_by("events_are_listed", operations="")
class RefusesWhatIsLongAgo(InMemoryProvider):
    async def list_events(self, since: datetime, limit: int = 100) -> list[WebhookEvent]:
        if self.now - since > timedelta(days=30):
            message = "too long ago"
            raise InvalidRequest(message, param="since")
        return await super().list_events(since, limit)


@caught_by("metadata_is_kept_or_refused", "what_reads_changes_nothing")
class WritesWhatItReads(InMemoryProvider):
    async def get_customer(self, customer_id: str) -> Customer | None:
        found = await super().get_customer(customer_id)
        if found is not None:
            await InMemoryProvider.update_customer(self, customer_id, metadata={"seen": "yes"})
        return found


@caught_by("a_checkout_for_several_is_a_subscription_for_several", operations="")
class SubscribesForOne(InMemoryProvider):
    async def create_checkout_session(self, *args: Any, **kwargs: Any) -> CheckoutSession:
        return await super().create_checkout_session(*args, **{**kwargs, "quantity": 1})


@caught_by("a_part_of_an_authorized_payment_is_captured", operations="")
class CapturesAll(InMemoryProvider):
    async def capture_payment(
        self, payment_id: str, amount: Money | None = None, *, idempotency_key: str | None = None
    ) -> Payment:
        return await super().capture_payment(payment_id, idempotency_key=idempotency_key)


@caught_by("a_charge_that_is_declined_says_so", operations="")
class HidesTheDecline(InMemoryProvider):
    async def create_payment(self, *args: Any, **kwargs: Any) -> Payment:
        try:
            return await super().create_payment(*args, **kwargs)
        except Declined:
            pass
        raise InvalidRequest("no")


@caught_by("a_charge_that_is_declined_says_so", operations="")
class ForgetsTheDeclinedPayment(InMemoryProvider):
    async def create_payment(self, *args: Any, **kwargs: Any) -> Payment:
        try:
            return await super().create_payment(*args, **kwargs)
        except Declined as error:
            raise Declined(error.message, reason=error.reason) from None


@caught_by("money_of_other_currencies_is_the_same_or_refused", operations="")
class ThinksThatAllMoneyHasCents(InMemoryProvider):
    get_payment = through(
        "get_payment",
        lambda found: (
            attrs.evolve(found, amount=Money(found.amount.amount * 100, "JPY"))
            if found is not None and found.amount.currency == "JPY"
            else found
        ),
    )


@caught_by("an_event_that_was_delivered_is_the_same_in_the_list", operations="")
class NamesListedEventsAnew(InMemoryProvider):
    list_events = through(
        "list_events", lambda found: [attrs.evolve(each, dedupe_key=f"listed:{each.dedupe_key}") for each in found]
    )


@caught_by("a_delivery_of_the_other_mode_is_refused", operations="")
class TakesEveryEventForOneOfItsMode(InMemoryProvider):
    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        data = SIGNATURE.verified(payload, headers, self._signing_keys, clock=self._clock)
        return attrs.evolve(event_from(data, self._name, self.now), livemode=self.livemode)


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


@caught_by(
    "money_of_other_currencies_is_the_same_or_refused",
    "another_key_is_another_operation",
    operations="create_payment_session",
)
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
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        try:
            return await super().create_customer(email, name, metadata, idempotency_key=idempotency_key)
        except OutcomeUnknown:
            pass
        raise NetworkError("no answer")
