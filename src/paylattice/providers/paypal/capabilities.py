"""What PayPal can do and, for the rest, why not and what to do instead."""

from collections.abc import Mapping

from ...frozen import FrozenMap
from ...operations import Capability, UnsupportedReason

__all__ = ["CAPABILITIES", "UNSUPPORTED"]

CAPABILITIES: frozenset[Capability] = frozenset(Capability) - {
    Capability.CUSTOMERS,
    Capability.LIST_CUSTOMERS,
    Capability.EXPIRE_CHECKOUT,
    Capability.CANCEL_AT_PERIOD_END,
    Capability.UNCANCEL,
    Capability.CHANGE_NOW,
    Capability.CANCEL_SCHEDULED_CHANGE,
    Capability.PREVIEW_CHANGE,
    Capability.EXTEND_TRIAL,
    Capability.CREATE_SUBSCRIPTION,
    Capability.SET_PAYMENT_METHOD,
    Capability.DEFAULT_PAYMENT_METHOD,
    Capability.METERED_USAGE,
    Capability.PAY_INVOICE,
}
UNSUPPORTED: Mapping[Capability, UnsupportedReason] = FrozenMap(
    {
        Capability.CUSTOMERS: UnsupportedReason(
            "PayPal has no customers: each subscription, order and vault names its payer.",
            "Keep the customer in your own database, as BillingService does; create_customer makes an id for it.",
        ),
        Capability.LIST_CUSTOMERS: UnsupportedReason(
            "PayPal has no customers: each subscription, order and vault names its payer.",
            "Go on from the subscription ids that your own database has: get_subscription reads each of them.",
        ),
        Capability.EXPIRE_CHECKOUT: UnsupportedReason(
            "PayPal cannot close a page on request: it closes an unapproved page after a while.",
            "If the payer approves a page that you do not want any more, cancel its subscription with "
            "cancel_subscription, and give the payment back with refund_payment.",
        ),
        Capability.CANCEL_AT_PERIOD_END: UnsupportedReason(
            "PayPal ends a subscription at once, and for good.",
            "Cancel now: access continues until cancel_at, the day up to which it is paid. Or suspend it, and cancel it "
            "when the period is over.",
        ),
        Capability.UNCANCEL: UnsupportedReason(
            "PayPal ends a subscription at once, and for good.",
            "Start a new subscription with create_checkout_session(start_at=...), at the cancel_at of the ended one: "
            "it is paid up to then.",
        ),
        Capability.CHANGE_NOW: UnsupportedReason(
            "PayPal charges another plan or quantity from the next period on, and nothing for the rest of this one.",
            'Use change_subscription(..., when="period_end"), and charge a saved payment method for the rest of the period '
            "with create_payment. Or sell a new subscription with create_checkout_session, and cancel this one.",
        ),
        Capability.CANCEL_SCHEDULED_CHANGE: UnsupportedReason(
            "When the payer has agreed to a change, PayPal has made it, and shows none that is scheduled.",
            "Change back with change_subscription, to which the payer has to agree, too: nothing is charged for the other plan "
            "before the next period.",
        ),
        Capability.PREVIEW_CHANGE: UnsupportedReason(
            "PayPal calculates no change in advance. Nothing is due for the rest of the period, and the new price after it.",
            "Show the price of get_plan, times the quantity, and as its first day the current_period_end of get_subscription. "
            "PayPal shows the new price, too, where the payer agrees: at the approval_url of change_subscription.",
        ),
        Capability.EXTEND_TRIAL: UnsupportedReason(
            "PayPal's trial is a cycle of the plan, or a later start: the payer has agreed to the day of the first payment.",
            "Ask for consent to a new subscription with create_checkout_session(start_at=...), and cancel this one with "
            "cancel_subscription.",
        ),
        Capability.CREATE_SUBSCRIPTION: UnsupportedReason(
            "A PayPal subscription begins only when the payer has agreed to it on PayPal's page.",
            "Send the payer to the page of create_checkout_session, or charge a wallet that save_payment_method saved for each "
            "period with create_payment.",
        ),
        Capability.SET_PAYMENT_METHOD: UnsupportedReason(
            "The payer alone chooses what pays a PayPal subscription, in the PayPal account.",
            "Send the payer to https://www.paypal.com/myaccount/autopay/, or ask for consent to a new subscription with "
            "create_checkout_session, and cancel the old one when the new one has begun.",
        ),
        Capability.DEFAULT_PAYMENT_METHOD: UnsupportedReason(
            "PayPal has no customers, and its vault no default payment method.",
            "Name the saved payment method in each create_payment.",
        ),
        Capability.METERED_USAGE: UnsupportedReason(
            "PayPal's subscriptions have no metering. They have quantities, and the payer has to agree to each change.",
            "Charge a saved payment method at the end of each period with create_payment.",
        ),
        Capability.PAY_INVOICE: UnsupportedReason(
            "PayPal charges nobody for an invoice: the payer pays it on its page, and a subscription by itself.",
            "Send the payer to the hosted_url of get_invoice. Collect what a subscription owes with bill_outstanding.",
        ),
    }
)
