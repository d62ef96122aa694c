"""``python -m paylattice sandbox``."""

import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Any

from ..errors import PaymentError
from ..money import Money
from ..testing.sandbox import Sandbox
from ..testing.standins import PayPalStandIn, SquareStandIn, StripeStandIn

__all__ = ["PlanToSell", "plan_from", "sandbox"]

_PLAN = re.compile(
    r"(?P<id>[^=]+)=(?P<amount>\d+(\.\d+)?)(?P<currency>[A-Z]{3})?(/(?P<interval>day|week|month|year))?(\+(?P<trial>\d+))?"
)
_WAYS = "id=19.00/month, id=190.00EUR/year, or id=19.00/month+14 for a trial of 14 days"
PlanToSell = tuple[str, Money, str, int | None]


def plan_from(text: str) -> PlanToSell:
    """A plan as the command line says it: its id, its price, its interval, its days of trial.

    Raises:
        ValueError: it is not said so.
    """
    found = _PLAN.fullmatch(text)
    if found is None:
        message = f"a plan is said as {_WAYS}; not {text!r}"
        raise ValueError(message)
    try:
        amount = Money.from_decimal(found["amount"], found["currency"] or "USD")
    except PaymentError as error:
        raise ValueError(str(error)) from None
    return found["id"], amount, found["interval"] or "month", int(found["trial"]) if found["trial"] else None


def sandbox(
    name: str,
    webhook: str | None,
    port: int,
    plans: Sequence[str],
    until: Callable[[], object] | None = None,
) -> int:
    """Serve a provider's stand-in with pages, until it is interrupted.

    0: it was interrupted. 1: it cannot be served. 2: there is no such stand-in, or an argument is wrong.

    Args:
        name: the provider.
        webhook: the URL that webhooks are posted to.
        port: 0: a free one.
        plans: what is sold, as :func:`plan_from` reads it.
        until: waits until it is over; None: for Ctrl-C, or SIGTERM.
    """
    if name not in _STAND_INS:
        print(_why_none(name), file=sys.stderr)
        return 2
    try:
        stand_in = _stand_in(name, webhook)
        for plan_id, amount, interval, trial_days in map(plan_from, plans):
            stand_in.add_plan(plan_id, amount, interval=interval, trial_days=trial_days)
        box = Sandbox(stand_in, webhook)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        with box.serve(port) as base:
            wait = until or _stop_signal().wait
            _announce(box, base, webhook)
            wait()
    except (OSError, OverflowError) as error:
        print(f"cannot serve on port {port}: {error}", file=sys.stderr)
        return 1
    return 0


def _stop_signal() -> threading.Event:
    """What Ctrl-C and SIGTERM set; also in the background of a shell, where Ctrl-C is ignored."""
    stopped = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopped


def _announce(box: Sandbox, base: str, webhook: str | None) -> None:
    print(f"{box.desk.title}'s stand-in   {base}\nDashboard{' ' * 9}  {base}/_\n")
    for variable, value in box.environment().items():
        print(f"export {variable}={value}")
    told = f"Webhooks go to {webhook}." if webhook else "Without --webhook, deliveries wait."
    print(f"\n{told} Ctrl-C ends it.", flush=True)


def _why_none(name: str) -> str:
    if name == "memory":
        return (
            "The embedded provider lives inside your application, and has no server. Its controls are methods: "
            "complete_checkout, decline_next_payment, advance. Or use the sandbox of a provider that you will sell with."
        )
    return f"there is no stand-in for {name!r}: choose {', '.join(_STAND_INS)}"


def _stand_in(name: str, webhook: str | None) -> Any:
    if name == "square" and webhook:
        return SquareStandIn(webhook_url=webhook)  # Square signs the URL, too
    return {"stripe": StripeStandIn, "paypal": PayPalStandIn, "square": SquareStandIn}[name]()


_STAND_INS = ("stripe", "paypal", "square")
