"""What a person can do: one method for each button, over the controls that all simulated providers share."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeAlias, cast

from ...errors import PaymentError
from ...money import Money
from ..standins import StandIn
from .outbox import Outbox

__all__ = ["Actions"]

Fields: TypeAlias = Mapping[str, str]


class _Controls(Protocol):
    def add_plan(self, plan_id: str, amount: Money, **terms: Any) -> object: ...
    def decline_next_payment(self, code: str, *, times: int) -> None: ...
    def pay_outstanding(self, subscription_id: str) -> object: ...
    def open_dispute(self, payment_id: str) -> object: ...
    def decide_dispute(self, dispute_id: str, *, won: bool) -> object: ...
    def delay_next_refund(self, *, times: int = 1) -> None: ...
    def settle_refund(self, refund_id: str, *, succeeded: bool) -> object: ...
    def settle_checkout(self, session_id: str, *, succeeded: bool) -> object: ...


class Actions:
    """What can happen to a stand-in.

    Args:
        stand_in: the provider.
        outbox: its webhooks.
    """

    def __init__(self, stand_in: StandIn[Any, Any, Any], outbox: Outbox) -> None:
        self._stand_in = stand_in
        self._controls = cast("_Controls", stand_in)
        self._outbox = outbox
        self._by_name: Mapping[str, Callable[[Fields], str]] = {
            "add_plan": self._add_plan,
            "advance": self._advance,
            "approve_change": self._approve_change,
            "authenticate": self._authenticate,
            "decide_dispute": self._decide_dispute,
            "decline": self._decline,
            "delay_refund": self._delay_refund,
            "lose_answer": self._lose_answer,
            "misbehave": self._misbehave,
            "open_dispute": self._open_dispute,
            "pay_outstanding": self._pay_outstanding,
            "redeliver": self._redeliver,
            "renew": self._renew,
            "require_authentication": self._require_authentication,
            "settle_checkout": self._settle_checkout,
            "settle_refund": self._settle_refund,
        }

    def do(self, name: str, fields: Fields) -> str:
        """Do something, and return what to tell.

        Args:
            name: of the action.
            fields: of its form.

        Raises:
            ValueError: it cannot be done; says why.
        """
        action = self._by_name.get(name)
        if action is None:
            message = f"there is no such action: {name}"
            raise ValueError(message)
        try:
            return action(fields)
        except KeyError as missing:
            message = f"a field is missing: {missing.args[0]}"
            raise ValueError(message) from None
        except (AttributeError, PaymentError) as error:
            raise ValueError(str(error)) from None

    def _advance(self, fields: Fields) -> str:
        months, days, hours = (
            _number(fields, "months", 36),
            _number(fields, "days", 400),
            _number(fields, "hours", 1000),
        )
        return f"It is now {self._stand_in.advance(months=months, days=days, hours=hours):%Y-%m-%d %H:%M} UTC"

    def _decline(self, fields: Fields) -> str:
        times = _number(fields, "times", 20) or 1
        self._controls.decline_next_payment(fields["code"], times=times)
        return f"The bank declines the next {'payment' if times == 1 else f'{times} payments'}: {fields['code']}"

    def _require_authentication(self, fields: Fields) -> str:
        self._stand_in.require_authentication()
        return "The next payment waits for the payer to authenticate"

    def _authenticate(self, fields: Fields) -> str:
        self._stand_in.authenticate_payment(fields["id"], succeeded=_yes(fields, "succeeded"))
        return "The payer authenticated" if _yes(fields, "succeeded") else "The payer did not authenticate"

    def _renew(self, fields: Fields) -> str:
        self._stand_in.renew(fields["id"])
        return f"It is now {self._stand_in.now:%Y-%m-%d %H:%M} UTC, and the subscription was billed, or is over"

    def _pay_outstanding(self, fields: Fields) -> str:
        self._controls.pay_outstanding(fields["id"])
        return "The customer paid what was owed"

    def _approve_change(self, fields: Fields) -> str:
        self._stand_in.approve_change(fields["id"])
        return "The payer agreed to the change"

    def _open_dispute(self, fields: Fields) -> str:
        self._controls.open_dispute(fields["id"])
        return "The payer's bank wants the money back"

    def _decide_dispute(self, fields: Fields) -> str:
        won = _yes(fields, "won")
        self._controls.decide_dispute(fields["id"], won=won)
        return "The bank decided for you" if won else "The bank decided against you"

    def _delay_refund(self, fields: Fields) -> str:
        self._controls.delay_next_refund()
        return "The next refund is pending until you decide"

    def _settle_refund(self, fields: Fields) -> str:
        self._controls.settle_refund(fields["id"], succeeded=_yes(fields, "succeeded"))
        return "The refund arrived" if _yes(fields, "succeeded") else "The refund failed"

    def _settle_checkout(self, fields: Fields) -> str:
        self._controls.settle_checkout(fields["id"], succeeded=_yes(fields, "succeeded"))
        return "The money arrived" if _yes(fields, "succeeded") else "The money did not arrive"

    def _redeliver(self, fields: Fields) -> str:
        self._stand_in.redeliver(fields["id"])
        return "The event is delivered again"

    def _misbehave(self, fields: Fields) -> str:
        self._outbox.misbehave(fields["how"])
        return {
            "lose": "The next delivery gets lost",
            "double": "The next delivery comes twice",
            "shuffle": "The next deliveries that wait together come in another order",
        }[fields["how"]]

    def _lose_answer(self, fields: Fields) -> str:
        self._stand_in.faults.lose_next_answer()
        return "The next request takes effect, and its answer gets lost"

    def _add_plan(self, fields: Fields) -> str:
        """Offer a plan: ``id``, ``amount`` in major units, ``currency``, ``interval`` and ``trial_days``."""
        amount = Money.from_decimal(fields["amount"], fields.get("currency") or "USD")
        trial = _number(fields, "trial_days", 730) or None
        if not fields.get("id"):
            message = "a plan needs an id"
            raise ValueError(message)
        self._controls.add_plan(fields["id"], amount, interval=fields.get("interval") or "month", trial_days=trial)
        return f"The plan {fields['id']} is {amount} per {fields.get('interval') or 'month'}"


def _number(fields: Fields, name: str, most: int) -> int:
    text = fields.get(name, "").strip() or "0"
    if not text.isdecimal() or int(text) > most:
        message = f"{name} must be a number from 0 to {most}, not {text!r}"
        raise ValueError(message)
    return int(text)


def _yes(fields: Fields, name: str) -> bool:
    return fields.get(name) == "yes"
