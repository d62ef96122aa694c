"""Saved cards, and the tokens of browsers that cards are made of."""

from ...errors import Declined, DeclineReason, InvalidRequest
from ...events import EventType
from ...models import PaymentMethod
from .world import World

__all__ = ["Cards"]


class Cards:
    """What can be charged."""

    def __init__(self, world: World) -> None:
        self._world = world

    def cards(self, customer_id: str) -> list[PaymentMethod]:
        """Return the customer's saved cards; the first one is charged."""
        store = self._world.store
        return [store.payment_methods[id_] for id_ in store.methods_of.get(customer_id, ())]

    def save_card(self, customer_id: str) -> PaymentMethod:
        """Return the customer's saved card; a new one if there is none."""
        return next(iter(self.cards(customer_id)), None) or self.add_card(customer_id)

    def add_card(self, customer_id: str) -> PaymentMethod:
        """Return a new card, saved after the others."""
        method = PaymentMethod(
            id=self._world.new_id("pm"),
            type="card",
            last4="4242",
            brand="visa",
            customer_id=customer_id,
            exp_month=12,
            exp_year=self._world.now.year + 3,
            provider=self._world.name,
        )
        store = self._world.store
        store.payment_methods[method.id] = method
        store.methods_of.setdefault(customer_id, []).append(method.id)
        self._world.tell(EventType.PAYMENT_METHOD_ATTACHED, customer_id=customer_id, payment_method=method)
        return method

    def save_token(self, customer_id: str, token: str) -> PaymentMethod:
        """Save the card that a token stands for. ``tok_declined`` is declined; ``tok_`` and any other word serves once."""
        customer = self._world.customer(customer_id)
        declined = self.use_up(token)
        if declined is not None:
            self._world.tell(EventType.PAYMENT_METHOD_SETUP_FAILED, customer_id=customer.id)
            message = "the card was declined"
            raise Declined(message, reason=declined)
        return self.add_card(customer.id)

    def use_up(self, token: str) -> DeclineReason | None:
        """Take what a browser's token stands for; why the bank says no to it, if it does.

        Raises:
            InvalidRequest: it is none, or was used before.
        """
        if not token.startswith("tok_"):
            message = "the tokens of the embedded provider are tok_ and any word, which serves once, or tok_declined"
            raise InvalidRequest(message, param="token", code="token_missing")
        if token == "tok_declined":  # noqa: S105 - it says what it is
            return DeclineReason.ISSUER_DECLINED
        if token in self._world.store.used_tokens:
            message = "this token was used before: the customer has to enter the card again"
            raise InvalidRequest(message, param="token", code="token_used")
        self._world.store.used_tokens.add(token)
        return None

    def card_of(self, customer_id: str, payment_method_id: str) -> PaymentMethod:
        """The saved card, if it is the customer's.

        Raises:
            InvalidRequest: it is not.
        """
        for method in self.cards(customer_id):
            if method.id == payment_method_id:
                return method
        message = "the payment method is not one of the customer's"
        raise InvalidRequest(message, param="payment_method_id", code="payment_method_missing")

    def make_default(self, customer_id: str, payment_method_id: str) -> None:
        """Charge this card before the others."""
        card = self.card_of(customer_id, payment_method_id)
        saved = self._world.store.methods_of[customer_id]
        saved.remove(card.id)
        saved.insert(0, card.id)

    def forget_card(self, payment_method_id: str) -> None:
        """Forget a saved card, if it is there."""
        store = self._world.store
        method = store.payment_methods.pop(payment_method_id, None)
        if method is not None and method.customer_id is not None:
            store.methods_of[method.customer_id].remove(method.id)
            self._world.tell(EventType.PAYMENT_METHOD_DETACHED, customer_id=method.customer_id, payment_method=method)
