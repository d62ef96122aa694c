"""What a lost dispute makes of its payment, where the provider's payment does not say it."""

import attrs

from .models import Dispute, DisputeStatus, Payment, PaymentStatus

__all__ = ["after_dispute"]


def after_dispute(payment: Payment, dispute: Dispute | None) -> Payment:
    """Return the payment as the dispute about it leaves it: charged back, if that is lost.

    Args:
        payment: as the provider has it.
        dispute: the dispute of the event; None: it is about something else.
    """
    if dispute is None or dispute.status is not DisputeStatus.LOST:
        return payment
    return attrs.evolve(payment, status=PaymentStatus.CHARGED_BACK)
