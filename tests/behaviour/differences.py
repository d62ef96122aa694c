"""Where the providers differ, and how that is known. Everything that is not in this table is the same at all four.

Each row is asked by one test of :mod:`.test_behaviour`. ``docs`` is the provider's documentation; ``sheet`` the facts that were
gathered from it, from its API description and from its forum; ``ours`` a decision of the embedded provider.
"""

from collections.abc import Mapping

import attrs

__all__ = ["DIFFERENCES", "PROVIDERS", "Difference"]

PROVIDERS = ("memory", "stripe", "paypal", "square")


@attrs.frozen
class Difference:
    """What a provider does.

    Args:
        does: the behaviour, as the test compares it.
        source: how it is known.
    """

    does: object
    source: str


DIFFERENCES: Mapping[str, Mapping[str, Difference]] = {
    "a subscription ends at once": {
        "memory": Difference(True, "ours: as at Stripe"),
        "stripe": Difference(True, "docs: https://docs.stripe.com/api/subscriptions/cancel"),
        "paypal": Difference(
            True, "docs: https://developer.paypal.com/docs/api/subscriptions/v1/#subscriptions_cancel"
        ),
        "square": Difference(False, "sheet: a cancellation is always scheduled for the end of the paid period"),
    },
    "usage of a subscription that ends at once is billed": {
        "memory": Difference(False, "ours: as at Stripe"),
        "stripe": Difference(
            False, "docs: invoice_now is false by default; https://docs.stripe.com/api/subscriptions/cancel"
        ),
    },
    "usage of a subscription that ends at once with a final invoice is billed": {
        "memory": Difference(True, "ours: as at Stripe"),
        "stripe": Difference(
            True, "docs: invoice_now bills usage that is not billed; https://docs.stripe.com/api/subscriptions/cancel"
        ),
    },
    "usage of a subscription that ends with its period is billed": {
        "memory": Difference(True, "ours: the last invoice asks for it"),
        "stripe": Difference(True, "docs: in a last invoice; https://docs.stripe.com/billing/subscriptions/cancel"),
    },
    "a larger plan is charged": {
        "memory": Difference("with the next invoice", "ours: as at Stripe with create_prorations"),
        "stripe": Difference("with the next invoice", "docs: https://docs.stripe.com/billing/subscriptions/prorations"),
        "paypal": Difference(
            "from the next period", "sheet: a revision counts from the next cycle on, without proration"
        ),
        "square": Difference(
            "from the next period", "sheet: SWAP_PLAN is scheduled for the next cycle, without proration"
        ),
    },
    "a change needs the customer's consent": {
        "memory": Difference(False, "ours: as at Stripe"),
        "stripe": Difference(False, "docs: https://docs.stripe.com/api/subscriptions/update"),
        "paypal": Difference(
            True, "docs: https://developer.paypal.com/docs/api/subscriptions/v1/#subscriptions_revise"
        ),
        "square": Difference(
            False, "docs: https://developer.squareup.com/reference/square/subscriptions-api/swap-plan"
        ),
    },
    "a trial has an invoice of zero": {
        "memory": Difference(False, "ours: an invoice that asks for nothing says nothing"),
        "stripe": Difference(True, "docs: https://docs.stripe.com/billing/subscriptions/trials"),
        "paypal": Difference(False, "sheet: only payments are transactions"),
        "square": Difference(False, "sheet: no invoice before the first paid phase"),
    },
    "a renewal that is not paid is tried again": {
        "memory": Difference(True, "ours: retry_days"),
        "stripe": Difference(True, "docs: https://docs.stripe.com/billing/revenue-recovery/smart-retries"),
        "paypal": Difference(
            True, "docs: https://developer.paypal.com/docs/subscriptions/customize/payment-failure-retry/"
        ),
        "square": Difference(
            False, "sheet: a card on file is charged once, then the customer is asked to pay on a page"
        ),
    },
    "what is owed can be paid after the end": {
        "memory": Difference(False, "ours: open invoices are voided when a subscription ends"),
        "stripe": Difference(
            True, "docs: unpaid invoices stay open; https://docs.stripe.com/billing/subscriptions/cancel"
        ),
        "paypal": Difference(
            False, "docs: https://developer.paypal.com/docs/api/subscriptions/v1/#subscriptions_capture"
        ),
        "square": Difference(True, "sheet: an invoice stays payable on its page"),
    },
}
