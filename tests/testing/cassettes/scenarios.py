"""All scenarios, provider by provider. A new one is one line in its provider's table, and ``nox -s record``."""

from . import paypal_scenarios, square_scenarios, stripe_scenarios
from .scenario import Scenario

__all__ = ["SCENARIOS", "of"]

SCENARIOS: tuple[Scenario, ...] = (
    *stripe_scenarios.SCENARIOS,
    *paypal_scenarios.SCENARIOS,
    *square_scenarios.SCENARIOS,
)


def of(provider: str) -> tuple[Scenario, ...]:
    """The provider's scenarios."""
    return tuple(scenario for scenario in SCENARIOS if scenario.provider == provider)
