"""What Square can do and, for the rest, why not and what to do instead."""

from collections.abc import Mapping

from ...frozen import FrozenMap
from ...operations import Capability, UnsupportedReason

__all__ = ["CAPABILITIES", "UNSUPPORTED", "UNSUPPORTED_BY_INVOICE"]

CAPABILITIES: frozenset[Capability] = frozenset(Capability) - {
    Capability.CANCEL_NOW,
    Capability.CHANGE_NOW,
    Capability.PREVIEW_CHANGE,
    Capability.EXTEND_TRIAL,
    Capability.METERED_USAGE,
    Capability.SETUP_SESSION,
    Capability.BILL_OUTSTANDING,
    Capability.PAY_INVOICE,
    Capability.DEFAULT_PAYMENT_METHOD,
}
UNSUPPORTED: Mapping[Capability, UnsupportedReason] = FrozenMap(
    {
        Capability.CANCEL_NOW: UnsupportedReason(
            "Square ends a subscription only at the end of the paid period.",
            "Use cancel_subscription(..., at_period_end=True), and refund the unused part with refund_payment.",
        ),
        Capability.CHANGE_NOW: UnsupportedReason(
            "Square changes the plan of a subscription with its next billing date, and prorates nothing.",
            'Use change_subscription(..., when="period_end"), or begin another subscription with create_subscription, and end '
            "this one with cancel_subscription(..., at_period_end=True).",
        ),
        Capability.PREVIEW_CHANGE: UnsupportedReason(
            "Square calculates no change in advance. Nothing is due before the next billing date, and then the new price.",
            "Show the price of get_plan, and as its first day the current_period_end of get_subscription.",
        ),
        Capability.EXTEND_TRIAL: UnsupportedReason(
            "Square's trial is a free phase of the plan, and lasts as long as that.",
            "Begin another subscription with create_subscription(start_at=...), and end this one with "
            "cancel_subscription(..., at_period_end=True).",
        ),
        Capability.BILL_OUTSTANDING: UnsupportedReason(
            "Square's API can pay neither an invoice nor its order.",
            "Send the customer to the hosted_url of the open invoice (get_invoices), and charge another card from then on: "
            "set_payment_method.",
        ),
        Capability.PAY_INVOICE: UnsupportedReason(
            "Square's API can pay neither an invoice nor its order.",
            "Send the customer to the hosted_url of get_invoice.",
        ),
        Capability.SETUP_SESSION: UnsupportedReason(
            "Square has no page that saves a card without a payment.",
            "Put the card form of Square's Web Payments SDK on your own page, and pass its token to save_payment_method.",
        ),
        Capability.DEFAULT_PAYMENT_METHOD: UnsupportedReason(
            "Square's customers have no default card: each subscription names its own.",
            "Call set_payment_method for each of the customer's subscriptions, and name the card in create_payment.",
        ),
        Capability.METERED_USAGE: UnsupportedReason(
            "Square has no usage, meters or quantities.",
            "Charge the card on file for each period with create_payment, or send an invoice with Square's own API.",
        ),
    }
)
UNSUPPORTED_BY_INVOICE: Mapping[Capability, UnsupportedReason] = FrozenMap(
    {
        Capability.EXPIRE_CHECKOUT: UnsupportedReason(
            "The page is the first invoice of a subscription that exists already: Square has nothing that closes it alone.",
            "End the subscription with cancel_subscription(..., at_period_end=True), or sell by payment links "
            '(SquareConfig(checkout="link")).',
        ),
    }
)
"""What is missing as well where the checkout page is an invoice's."""
