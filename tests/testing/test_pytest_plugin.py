"""The fixtures that pytest finds where paylattice is installed."""

import re
import subprocess
import sys
from pathlib import Path

SUITE = """
from asyncio import run

from paylattice import Money

PAGE = {"success_url": "https://app.test/ok", "cancel_url": "https://app.test/no"}


async def buy(billing, memory_provider):
    memory_provider.add_plan("pro", Money(1900, "USD"))
    session = await billing.start_checkout("org_1", "pro", email="ada@example.com", **PAGE)
    return memory_provider.complete_checkout(session.id)


def test_dunning(billing, memory_provider, deliver, assert_billing_clean):
    async def story():
        subscription = await buy(billing, memory_provider)
        assert await deliver() > 0
        memory_provider.decline_next_payment()
        memory_provider.advance(months=1)
        assert await deliver(shuffled=7, times=2) > 0
        assert await deliver() == 0
        assert (await billing.subscription("org_1")).status == "past_due"
        await assert_billing_clean()

    run(story())


def test_doubled_deliveries_are_applied_once(billing, memory_provider, deliver):
    async def story():
        await buy(billing, memory_provider)
        once = len(memory_provider.deliveries())
        for event in [hook.event_id for hook in memory_provider.deliveries()]:
            memory_provider.redeliver(event)
        assert await deliver(times=3) <= once

    run(story())


def test_what_is_left_over_is_told(billing, memory_provider, assert_billing_clean):
    async def story():
        await buy(billing, memory_provider)
        await assert_billing_clean()

    run(story())


def test_stand_ins(stripe_standin, paypal_standin, square_standin):
    assert {type(each).__name__ for each in (stripe_standin, paypal_standin, square_standin)} == {
        "StripeStandIn", "PayPalStandIn", "SquareStandIn"
    }
"""


def test_an_applications_tests_find_the_fixtures(tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text(SUITE)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path).stdout
    assert "3 passed, 1 failed" in told or "1 failed, 3 passed" in told, told
    assert "webhooks that were not delivered" in told


def test_the_plugin_loads_nothing_until_a_fixture_is_used() -> None:
    script = (
        "import sys, pytest, paylattice.testing.pytest_plugin; "
        "print([n for n in sys.modules if n.startswith('paylattice.')])"
    )
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert sorted(eval(told)) == ["paylattice.lazy", "paylattice.testing", "paylattice.testing.pytest_plugin"]


def test_every_fixture_says_what_it_is(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pytest", "--fixtures", "-p", "no:cacheprovider", str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path).stdout
    for name in ("memory_provider", "billing", "deliver", "assert_billing_clean", "stripe_standin"):
        found = re.search(rf"^{name} -- .*\n    (\S.*)", told, re.MULTILINE)
        assert found, name
        assert "no docstring" not in found[1]
