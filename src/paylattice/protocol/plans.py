"""Plans."""

from typing import TYPE_CHECKING, Protocol

from .unsupported import unsupported

if TYPE_CHECKING:
    from ..models import Plan

__all__ = ["PlanOperations"]


class PlanOperations(Protocol):
    """The operations of a :class:`paylattice.PaymentProvider` with plans."""

    async def get_plan(self, plan_id: str) -> "Plan | None":
        """Return the plan, or None if it does not exist.

        Args:
            plan_id: the provider's id of the plan.
        """
        raise unsupported(self, "get_plan")

    async def list_plans(self) -> "list[Plan]":
        """Return all plans that customers can subscribe to."""
        raise unsupported(self, "list_plans")
