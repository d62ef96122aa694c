"""The example that moves customers from Stripe to PayPal does what it shows."""

import asyncio
from collections.abc import Callable
from types import ModuleType

import pytest


def test_the_customers_move_without_a_month_paid_twice(
    load: Callable[[str], ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(load("migrate_stripe_to_paypal").main())
    told = capsys.readouterr().out
    assert "preview  ada: moves, on 01 Feb" in told
    assert "01 Feb  ada: migration.completed" in told
    assert "ada paid on 01 Jan stripe, 01 Feb paypal, 01 Mar paypal" in told
    assert "bob paid on 01 Jan stripe, 01 Feb stripe, 01 Mar stripe" in told
