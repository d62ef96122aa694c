"""The stories that show the cells of the table of events, each as small as it can be."""

from functools import partial

import pytest

from paylattice.errors import Declined, DeclineReason

from .conftest import PAGES, PRICE
from .event_stage import Stage, tells


@tells("customer.created", "memory stripe square")
async def a_customer_is_created(stage: Stage) -> None:
    await stage.billing.ensure_customer("org", email="ada@example.com")


@tells("subscription.created subscription.started subscription.active invoice.paid payment.succeeded")
@tells("invoice.created", "memory stripe square")
@tells("invoice.finalized", "stripe square")
@tells("checkout.completed", "memory stripe")
@tells("payment_method.attached", "memory stripe square")
async def a_subscription_begins(stage: Stage) -> str:
    page = await stage.page()
    stage.complete(page.id)
    await stage.deliver()
    await stage.billing.confirm_return(page.id, org_id="org")
    return (await stage.now()).id


@tells("subscription.incomplete", "paypal")
async def a_page_is_opened(stage: Stage) -> str:
    return (await stage.page()).id


@tells("subscription.renewed")
async def a_period_begins(stage: Stage) -> str:
    subscription = await stage.begun()
    stage.source.renew(subscription.id)
    await stage.deliver()
    return subscription.id


@tells("subscription.trialing")
async def a_trial_begins(stage: Stage) -> str:
    return (await stage.subscribed("trial")).id


@tells("subscription.trial_ending", "memory stripe")
async def a_trial_ends_soon(stage: Stage) -> str:
    subscription = await stage.begun("trial")
    stage.source.advance(days=12)
    return subscription.id


@tells("invoice.payment_failed subscription.past_due")
@tells("payment.failed", "memory stripe")
async def a_renewal_is_declined(stage: Stage) -> str:
    subscription = await stage.begun()
    stage.source.decline_next_payment(times=2)
    stage.source.renew(subscription.id)
    return subscription.id


@tells("subscription.paused")
async def a_subscription_is_paused(stage: Stage) -> str:
    subscription = await stage.begun()
    await stage.billing.pause("org")
    await stage.deliver()
    return subscription.id


@tells("subscription.resumed")
async def a_subscription_is_resumed(stage: Stage) -> str:
    subscription = await stage.begun()
    await stage.billing.pause("org")
    await stage.deliver()
    stage.listen()
    await stage.billing.resume("org")
    return subscription.id


@tells("subscription.cancellation_scheduled", "memory stripe square")
async def it_is_set_to_end(stage: Stage) -> str:
    subscription = await stage.begun()
    await stage.billing.cancel("org")
    return subscription.id


@tells("subscription.cancellation_withdrawn", "memory stripe square")
async def it_is_not_set_to_end_any_more(stage: Stage) -> str:
    subscription = await stage.begun()
    await stage.billing.cancel("org")
    await stage.deliver()
    stage.listen()
    await stage.billing.uncancel("org")
    return subscription.id


@tells("subscription.canceled subscription.ended")
async def it_ends(stage: Stage) -> str:
    subscription = await stage.begun()
    await stage.billing.cancel("org")
    await stage.deliver()
    if stage.name != "paypal":
        stage.listen()
        stage.source.advance(months=1, days=1)
    return subscription.id


@tells("subscription.plan_changed")
async def the_plan_changes(stage: Stage) -> str:
    subscription = await stage.begun()
    change = await stage.billing.change_plan("org", "team")
    if change.approval_url:
        stage.source.approve_change(subscription.id)
    await stage.deliver()
    if stage.name == "square":
        stage.source.renew(subscription.id)
    return subscription.id


async def a_year_is_paid(stage: Stage) -> str:
    """At once, or from the next period on."""
    more = {"product": "PRODUCT"} if stage.name == "paypal" else {}
    stage.source.add_plan("year", PRICE * 10, interval="year", **more)
    subscription = await stage.begun()
    stage.source.advance(days=10)
    change = await stage.billing.change_plan("org", "year")
    if change.approval_url:
        stage.source.approve_change(subscription.id)
    await stage.deliver()
    if stage.name in {"paypal", "square"}:
        stage.source.renew(subscription.id)
    return subscription.id


async def an_invoice_by_hand_is_paid(stage: Stage) -> None:
    if stage.name == "paypal":
        stage.source.add_invoice("ada@example.com", "5.00", status="PAID")
        stage.source.send_event("INVOICING.INVOICE.PAID", {"invoice": stage.source.objects("invoice")[-1]})
        return
    customer = await stage.customer()
    stage.dashboard("POST", "/v1/invoices", {"customer": customer})
    stage.dashboard("POST", f"/v1/invoices/{stage.source.objects('invoice')[-1]['id']}/finalize", {})


@tells("subscription.quantity_changed", "memory stripe paypal")
async def the_quantity_changes(stage: Stage) -> str:
    subscription = await stage.begun()
    change = await stage.billing.change_plan("org", quantity=3)
    if change.approval_url:
        stage.source.approve_change(subscription.id)
    return subscription.id


@tells("subscription.second")
async def a_second_one_begins(stage: Stage) -> str:
    await stage.begun()
    page = await stage.page("team", allow_second=True)
    stage.complete(page.id)
    await stage.deliver()
    session = await stage.provider.get_checkout_session(page.id)
    assert session is not None
    assert session.subscription_id is not None
    return session.subscription_id


# --- what becomes of a subscription at only some providers -------------------------------------------------------


@tells("subscription.updated")
async def it_is_changed_at_the_provider(stage: Stage) -> str:
    """Not with billing, which would tell it first."""
    subscription = await stage.begun()
    if stage.name == "paypal":  # where billing takes no plan that it did not ask for
        await stage.billing.change_plan("org", "team")
        stage.source.approve_change(subscription.id)
    else:
        await stage.provider.change_subscription(subscription.id, plan_id="team")
    return subscription.id


@tells("subscription.unpaid", "memory stripe paypal")
async def nobody_tries_again(stage: Stage) -> str:
    subscription = await stage.begun()
    stage.source.decline_next_payment(times=20)
    stage.source.advance(months=3)
    return subscription.id


@tells("subscription.expired", "paypal square")
async def the_last_period_is_over(stage: Stage) -> str:
    last = {"total_cycles": 1, "product": "PRODUCT"} if stage.name == "paypal" else {"periods": 1}
    stage.source.add_plan("short", PRICE, **last)
    subscription = await stage.begun("short")
    stage.source.advance(months=2)
    return subscription.id


@tells("subscription.incomplete checkout.pending payment.processing", "memory")
async def a_first_payment_is_under_way(stage: Stage) -> str:
    page = await stage.page()
    return str(stage.source.complete_checkout(page.id, delayed=True).subscription_id)


@tells("subscription.expired checkout.failed", "memory")
async def a_first_payment_does_not_arrive(stage: Stage) -> str:
    page = await stage.page()
    subscription_id = str(stage.source.complete_checkout(page.id, delayed=True).subscription_id)
    await stage.deliver()
    stage.source.settle_checkout(page.id, succeeded=False)
    return subscription_id


@tells("subscription.incomplete", "stripe square")
async def the_seller_subscribes_somebody(stage: Stage) -> str:
    customer = await stage.customer()
    if stage.name == "stripe":
        stage.source.add_payment_method(customer, requires_action=True)
    subscription_id = str(stage.source.add_subscription(customer, "pro"))
    if stage.name == "square":  # where a profile proves nothing
        await stage.billing.assign_subscription("org", subscription_id)
    return subscription_id


@tells("subscription.expired", "stripe")
async def a_first_invoice_is_never_paid(stage: Stage) -> str:
    customer = await stage.customer()
    stage.source.add_payment_method(customer, requires_action=True)
    subscription_id = str(stage.source.add_subscription(customer, "pro"))
    await stage.deliver()
    stage.source.advance(days=2)
    return subscription_id


# --- money -------------------------------------------------------------------------------------------------------


@tells("invoice.action_required payment.action_required", "memory stripe")
async def a_renewal_waits_for_the_customer(stage: Stage) -> str:
    subscription = await stage.begun()
    stage.source.require_authentication(customer_id=subscription.customer_id)
    stage.source.renew(subscription.id)
    return subscription.id


@tells("invoice.voided", "memory")
async def what_is_owed_is_voided(stage: Stage) -> str:
    subscription = await stage.begun()
    stage.source.decline_next_payment(customer_id=subscription.customer_id)
    stage.source.renew(subscription.id)
    await stage.deliver()
    await stage.billing.cancel("org", at_period_end=False)
    return subscription.id


@tells("refund.succeeded")
@tells("refund.created", "square")
async def a_period_is_refunded(stage: Stage) -> str:
    subscription = await stage.begun()
    refund = await stage.billing.refund("org", subscription_id=subscription.id, idempotency_key="refund")
    await stage.deliver()
    if stage.name == "square":
        stage.source.settle_refund(refund.id)
    return subscription.id


@tells("refund.created refund.failed", "memory stripe")
@tells("refund.failed", "square")
async def a_refund_does_not_arrive(stage: Stage) -> str:
    subscription = await stage.begun()
    stage.source.delay_next_refund()
    refund = await stage.billing.refund("org", subscription_id=subscription.id, idempotency_key="refund")
    await stage.deliver()
    stage.source.settle_refund(refund.id, succeeded=False)
    return subscription.id


@tells("refund.created refund.failed", "paypal")
async def a_refund_of_a_charge_does_not_arrive(stage: Stage) -> None:
    payment_id = await stage.charged()
    stage.source.delay_next_refund()
    refund = await stage.billing.refund("org", payment_id=payment_id, idempotency_key="refund")
    await stage.deliver()
    stage.source.settle_refund(refund.id, succeeded=False)


@tells("refund.updated", "stripe square")
async def a_refund_is_changed(stage: Stage) -> str:
    subscription = await stage.begun()
    stage.source.delay_next_refund()
    await stage.billing.refund("org", subscription_id=subscription.id, idempotency_key="refund")
    await stage.deliver()
    (refund,) = stage.source.objects("refund")
    stage.source.send_event("refund.updated", refund)
    if stage.name == "stripe":
        stage.source.send_event("charge.refund.updated", refund)
    return subscription.id


@tells("payment.authorized payment.canceled")
async def money_is_held_and_released(stage: Stage) -> None:
    method = await stage.saved_method()
    payment = await stage.billing.authorize("org", PRICE, payment_method_id=method, idempotency_key="hold")
    await stage.deliver()
    await stage.billing.void("org", payment.id, idempotency_key="release")


@tells("payment.failed", "square")
async def a_charge_is_declined(stage: Stage) -> None:
    method = await stage.saved_method()
    stage.source.decline_next_payment()
    with pytest.raises(Declined):
        await stage.billing.charge("org", PRICE, payment_method_id=method, idempotency_key="charge")


@tells("payment.processing payment.failed", "paypal")
async def a_charge_is_held_and_denied(stage: Stage) -> None:
    method = await stage.saved_method()
    stage.source.decline_next_payment("PENDING")
    payment = await stage.billing.charge("org", PRICE, payment_method_id=method, idempotency_key="charge")
    await stage.deliver()
    stage.source.settle_payment(payment.id, succeeded=False)


@tells("payment.processing", "square")
async def a_bank_payment_is_under_way(stage: Stage) -> None:
    """The stand-in pays by card only."""
    await stage.charged()
    payment = stage.source.objects("payment")[-1]
    stage.source.send_event("payment.updated", {**payment, "id": "PAY9", "status": "PENDING"})


# --- disputes ----------------------------------------------------------------------------------------------------


@tells("dispute.opened dispute.needs_response")
@tells("dispute.funds_withdrawn", "stripe")
async def a_payment_is_disputed(stage: Stage) -> str:
    subscription, dispute_id = await stage.disputed(**({"risk": True} if stage.name == "paypal" else {}))
    if stage.name == "paypal":
        stage.source.ask_for_evidence(dispute_id)
        await stage.deliver()
        stage.source.ask_for_evidence(dispute_id)  # a message: evidence was wanted already
    return subscription.id


@tells("dispute.updated", "stripe paypal square")
async def a_dispute_goes_on(stage: Stage) -> str:
    subscription, dispute_id = await stage.disputed()
    await stage.deliver()
    match stage.name:
        case "paypal":
            stage.source.ask_for_evidence(dispute_id)
        case "square":
            stage.source.move_dispute(dispute_id, "PROCESSING")
        case _:
            stage.source.send_event("charge.dispute.updated", stage.source.objects("dispute")[-1])
    return subscription.id


@tells("dispute.won")
@tells("dispute.funds_reinstated", "stripe")
async def a_dispute_is_won(stage: Stage) -> str:
    subscription, dispute_id = await stage.disputed()
    stage.source.decide_dispute(dispute_id, won=True)
    return subscription.id


@tells("dispute.lost")
async def a_dispute_is_lost(stage: Stage) -> str:
    subscription, dispute_id = await stage.disputed()
    stage.source.decide_dispute(dispute_id, won=False)
    return subscription.id


@tells("dispute.closed", "stripe paypal square")
async def a_dispute_is_closed(stage: Stage) -> str:
    subscription, dispute_id = await stage.disputed(**({} if stage.name == "paypal" else {"inquiry": True}))
    stage.source.decide_dispute(dispute_id, won=None)
    return subscription.id


@tells("dispute.funds_withdrawn", "paypal")
async def a_lost_dispute_takes_the_money(stage: Stage) -> None:
    payment_id = await stage.charged()
    dispute = stage.source.open_dispute(payment_id, risk=True)
    stage.source.decide_dispute(dispute["dispute_id"], won=False)


# --- pages -------------------------------------------------------------------------------------------------------


@tells("checkout.expired", "memory stripe")
async def a_page_is_left(stage: Stage) -> None:
    stage.source.abandon_checkout((await stage.page()).id)


@tells("checkout.pending checkout.failed payment.processing", "stripe")
async def a_page_is_paid_with_money_that_does_not_arrive(stage: Stage) -> None:
    customer = await stage.customer()
    session = await stage.provider.create_payment_session(PRICE, **PAGES, customer_id=customer)
    stage.source.complete_checkout(session.id, delayed=True)
    await stage.deliver()
    stage.source.settle_checkout(session.id, succeeded=False)


@tells("checkout.completed", "paypal")
async def a_charge_completes_its_order(stage: Stage) -> None:
    await stage.charged()
    stage.listen()
    method = await stage.saved_method()
    await stage.billing.charge("org", PRICE, payment_method_id=method, idempotency_key="second")
    stage.source.send_event("CHECKOUT.ORDER.PROCESSED", stage.source.objects("order")[-1])


@tells("payment_method.setup_failed", "memory")
async def a_card_for_a_trial_is_refused(stage: Stage) -> None:
    page = await stage.page("trial")
    stage.source.complete_checkout(page.id, declined=DeclineReason.INSUFFICIENT_FUNDS)


# --- customers and their payment methods -------------------------------------------------------------------------


@tells("customer.updated", "memory stripe square")
async def a_customer_is_changed(stage: Stage) -> None:
    customer = await stage.customer()
    await stage.provider.update_customer(customer, name="Ada King")


@tells("customer.deleted", "memory stripe square")
async def a_customer_is_deleted(stage: Stage) -> None:
    customer = await stage.customer()
    await stage.provider.delete_customer(customer)


@tells("customer.merged", "square")
async def a_profile_is_merged(stage: Stage) -> None:
    customer = await stage.customer()
    stage.source.merge(customer, stage.source.add_customer("ada@example.com"))


@tells("payment_method.detached", "memory stripe square")
@tells("payment_method.attached payment_method.detached", "paypal")
async def a_card_is_saved_and_removed(stage: Stage) -> None:
    method = await stage.saved_method()
    await stage.deliver()
    await stage.provider.remove_payment_method(method)


@tells("payment_method.updated", "stripe square")
async def a_card_is_changed(stage: Stage) -> None:
    await stage.saved_method()
    if stage.name == "stripe":
        stage.source.send_event("payment_method.automatically_updated", stage.source.objects("payment_method")[-1])
    else:
        stage.source.send_event("card.automatically_updated", stage.source.objects("card")[-1])


# --- what the stand-ins only send: its cause is not simulated ----------------------------------------------------


async def an_invoice_is_told(stage: Stage, name: str, **changes: object) -> str:
    subscription = await stage.begun()
    invoice = stage.source.objects("invoice")[-1]
    stage.source.send_event(name, {**invoice, **changes})
    return subscription.id


_OF_INVOICES = {
    "stripe": {
        "invoice.updated": "invoice.updated",
        "invoice.sent": "invoice.sent",
        "invoice.attempt_required": "invoice.payment_attempt_required",
        "invoice.finalization_failed": "invoice.finalization_failed",
        "invoice.uncollectible": "invoice.marked_uncollectible",
        "invoice.voided": "invoice.voided",
        "invoice.overdue": "invoice.overdue",
        "invoice.due_soon": "invoice.will_be_due",
        "invoice.upcoming": "invoice.upcoming",
        "invoice.overpaid": "invoice.overpaid",
        "invoice.deleted": "invoice.deleted",
    },
    "square": {
        "invoice.updated": "invoice.updated",
        "invoice.voided": "invoice.canceled",
        "invoice.deleted": "invoice.deleted",
    },
}
for _provider, _names in _OF_INVOICES.items():
    for _word, _name in _names.items():
        tells(_word, _provider)(partial(an_invoice_is_told, name=_name))


@tells("invoice.payment_recorded", "stripe")
async def an_invoice_is_paid(stage: Stage) -> str:
    return (await stage.subscribed()).id


@tells("invoice.payment_recorded", "square")
async def a_part_of_an_invoice_is_paid(stage: Stage) -> str:
    subscription = await stage.begun()
    stage.source.decline_next_payment(customer_id=subscription.customer_id)
    stage.source.renew(subscription.id)
    await stage.deliver()
    stage.source.pay_invoice(subscription.id, amount=100)
    return subscription.id


@tells("subscription.update_expired", "stripe")
async def a_pending_change_is_dropped(stage: Stage) -> str:
    subscription = await stage.begun()
    (told,) = [each for each in stage.source.objects("subscription") if each["id"] == subscription.id]
    stage.source.send_event("customer.subscription.pending_update_expired", told)
    return subscription.id


@tells("payment.partially_funded", "stripe")
async def a_part_of_a_transfer_arrives(stage: Stage) -> None:
    await stage.charged()
    stage.source.send_event("payment_intent.partially_funded", stage.source.objects("payment_intent")[-1])


@tells("fraud.warning", "stripe")
async def a_bank_warns(stage: Stage) -> None:
    payment_id = await stage.charged()
    warning = {"id": "issfr_1", "object": "radar.early_fraud_warning", "payment_intent": payment_id}
    stage.source.send_event("radar.early_fraud_warning.created", warning)


@tells("payment_method.expiring payment_method.setup_succeeded payment_method.setup_failed", "stripe")
async def a_card_expires(stage: Stage) -> None:
    customer = await stage.customer()
    stage.source.send_event("customer.source.expiring", {"id": "card_1", "object": "card", "customer": customer})
    for name in ("setup_intent.succeeded", "setup_intent.setup_failed"):
        stage.source.send_event(name, {"id": "seti_1", "object": "setup_intent", "customer": customer})


@tells("invoice.payment_recorded", "paypal")
async def a_part_of_an_invoice_by_hand_is_paid(stage: Stage) -> None:
    stage.source.pay_invoice(stage.source.add_invoice("ada@example.com", "5.00"), "2.00")


@tells("invoice.created invoice.updated invoice.voided", "paypal")
async def an_invoice_is_written_by_hand(stage: Stage) -> None:
    """PayPal's Invoicing knows the e-mail address of who is to pay, and nobody's customer."""
    stage.source.add_invoice("ada@example.com", "5.00")
    (invoice,) = stage.source.objects("invoice")
    for name in ("INVOICING.INVOICE.UPDATED", "INVOICING.INVOICE.CANCELLED"):
        stage.source.send_event(name, {"invoice": invoice})


@tells("checkout.pending checkout.failed", "paypal")
async def an_order_is_declined(stage: Stage) -> None:
    session = await stage.order()
    stage.source.complete_checkout(session)
    await stage.deliver()
    stage.source.decline_next_payment("DECLINED")
    with pytest.raises(Declined):
        await stage.provider.capture_payment(session)


@tells("checkout.expired", "paypal")
async def an_approval_is_taken_back(stage: Stage) -> None:
    session = await stage.order()
    (order,) = stage.source.objects("order")
    stage.source.send_event("CHECKOUT.PAYMENT-APPROVAL.REVERSED", {"order_id": session, **order})
