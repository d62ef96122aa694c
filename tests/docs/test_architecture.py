"""The three ways through the house go where the page says: every file and function that it names is entered on the way."""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from types import FrameType

import attrs
import pytest

import paylattice
from paylattice import Money, operation_key, sync
from paylattice.errors import InvalidRequest, OutcomeUnknown
from paylattice.providers.stripe import StripeConfig
from paylattice.testing import StripeStandIn
from paylattice.transport import BlockingTransport

from .names.mentions import of_markdown

ROOT = Path(paylattice.__file__).parent
PAGE = ROOT.parents[1] / "docs" / "architecture.md"
PLAN = "price_pro"
URLS = {"success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}
OF_OTHERS = {
    "providers/api.py",
    "JSONAPI.send",
    "providers/paypal/refunds.py",
    "providers/square/payments.py",
    "billing/owners.py",
}
"""What the page names because another provider goes that way."""


class Shop:
    """An application with Stripe's stand-in, and what was entered while it was watched: files, functions."""

    def __init__(self, *, refetch: bool = True) -> None:
        self.account = StripeStandIn()
        self.account.add_plan(PLAN, Money(1900, "USD"))
        transport = BlockingTransport(transport=self.account.transport(), sleep=lambda seconds: None)
        config = StripeConfig(secret_key=self.account.secret_key, webhook_secret=self.account.webhook_secret)
        self.provider = sync.create_provider("stripe", config=config, transport=transport)
        self.billing = sync.BillingService(
            self.provider, sync.InMemoryRepository(), refetch=refetch, clock=lambda: datetime.now(UTC)
        )
        self.entered: set[str] = set()

    @contextmanager
    def watched(self) -> Iterator[None]:
        def note(frame: FrameType, event: str, _: object) -> None:
            path = Path(frame.f_code.co_filename)
            if event == "call" and path.is_relative_to(ROOT):
                name = frame.f_code.co_qualname.rpartition("<locals>.")[2]
                self.entered |= {path.relative_to(ROOT).as_posix(), name, name.rpartition(".")[2]}

        before = sys.getprofile()
        sys.setprofile(note)
        try:
            yield
        finally:
            sys.setprofile(before)

    def checkout(self, org: str = "org_1", plan: str = PLAN) -> str:
        return self.billing.start_checkout(org, plan, email="ada@example.com", **URLS).id

    def deliver(self) -> list[str | None]:
        return [
            self.billing.respond("stripe", hook.payload, hook.headers).outcome for hook in self.account.deliveries()
        ]


def checkout() -> set[str]:
    """One that succeeds, one that Stripe refuses, and one whose answer is lost and which is recovered."""
    shop = Shop()
    with shop.watched():
        shop.checkout()
        with pytest.raises(InvalidRequest):
            shop.checkout("org_2", "price_nowhere")
        shop.account.faults.lose_next_answer(path="/v1/checkout/sessions", times=4)
        with pytest.raises(OutcomeUnknown):
            shop.checkout("org_3")
        shop.billing.recover_open(older_than=timedelta(0))
    return shop.entered


def delivery() -> set[str]:
    """Of what was bought, of what nobody here has bought, and of a forger; then with payloads that are trusted."""
    shop, trusting = Shop(), Shop(refetch=False)
    for each in (shop, trusting):
        each.account.complete_checkout(each.checkout())
    stranger = shop.provider.create_customer("eve@example.com")
    shop.account.add_subscription(stranger.id, PLAN)
    with shop.watched():
        outcomes = shop.deliver()
        forged = shop.billing.respond("stripe", b"{}", {"Stripe-Signature": "t=1,v1=00"})
    with trusting.watched():
        trusting.deliver()
    assert {"processed", "unmatched", "ignored"} <= set(outcomes)
    assert forged.status == 400
    return shop.entered | trusting.entered


def refund() -> set[str]:
    """One whose answer is lost, and which is recovered; and what becomes of it."""
    shop = Shop()
    customer = shop.provider.create_customer("ada@example.com")
    card = shop.account.add_payment_method(customer.id)
    payment = shop.provider.create_payment(Money(1900, "USD"), customer_id=customer.id, payment_method_id=card)
    shop.account.faults.lose_next_answer(path="/v1/refunds", times=4)
    with shop.watched():
        with pytest.raises(OutcomeUnknown) as lost:
            shop.provider.refund_payment(
                payment.id, Money(500, "USD"), idempotency_key=operation_key("refund", "order-7")
            )
        shop.provider.recover(lost.value)
    assert shop.account.count("refund") == 1
    return shop.entered


WAYS: dict[str, Callable[[], set[str]]] = {"A checkout": checkout, "A delivery": delivery, "A refund": refund}


@cache
def functions() -> frozenset[str]:
    """The functions of the package, and its methods with and without their classes."""
    found: set[str] = set()
    for path in ROOT.rglob("*.py"):
        for outer in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            owner = f"{outer.name}." if isinstance(outer, ast.ClassDef) else ""
            for node in ast.iter_child_nodes(outer):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    found |= {node.name, owner + node.name}
    return frozenset(found)


@attrs.frozen
class Way:
    """What the page names on a way."""

    files: frozenset[str]
    functions: frozenset[str]


def way(heading: str) -> Way:
    section = PAGE.read_text(encoding="utf-8").partition(f"### {heading}\n")[2].partition("\n##")[0]
    spans = {mention.text.partition("(")[0] for mention in of_markdown("architecture.md", section)}
    called = {span.removeprefix("billing.").removeprefix("provider.") for span in spans}
    return Way(
        frozenset(span for span in spans if span.endswith(".py")) - OF_OTHERS,
        frozenset(called & functions()) - OF_OTHERS,
    )


@pytest.mark.parametrize("heading", WAYS)
def test_every_file_and_function_on_a_way_is_entered(heading: str) -> None:
    named, entered = way(heading), WAYS[heading]()
    assert len(named.files) >= 4
    assert len(named.functions) >= 4
    assert sorted(named.files - entered) == []
    assert sorted(named.functions - entered) == []
