"""What PayPal can do and, for the rest, why not and what to do instead."""

from collections.abc import Mapping

from ...frozen import FrozenMap
from ...operations import Capability, UnsupportedReason

__all__ = ["CAPABILITIES", "UNSUPPORTED"]

CAPABILITIES: frozenset[Capability] = frozenset(Capability) - {
    Capability.CUSTOMERS,
    Capability.EXPIRE_CHECKOUT,
    Capability.CANCEL_AT_PERIOD_END,
    Capability.UNCANCEL,
    Capability.CREATE_SUBSCRIPTION,
    Capability.SET_PAYMENT_METHOD,
    Capability.DEFAULT_PAYMENT_METHOD,
    Capability.METERED_USAGE,
}
UNSUPPORTED: Mapping[Capability, UnsupportedReason] = FrozenMap(
    {
        Capability.CUSTOMERS: UnsupportedReason(
            "PayPal has no customers: each subscription, order and vault names its payer.",
            "Keep the customer in your own database, as BillingService does; create_customer makes an id for it.",
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
            "Start a new subscription with create_checkout_session, whose trial_days last until cancel_at: up to then the "
            "ended one is paid.",
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
    }
)
