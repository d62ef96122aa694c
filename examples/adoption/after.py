"""The same application on paylattice: the functions of ``before.py``, one after the other."""

import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from paylattice.sync import BillingService, create_provider

sys.path[:0] = [str(Path(__file__).parents[1] / "repositories")]

from sqlite_repository import SQLiteRepository  # noqa: E402 - where it is was said above

PLAN = "price_pro"


@cache
def billing() -> BillingService:
    """Billing on the application's database, which has billing's tables now, too."""
    repository = SQLiteRepository(os.environ["APP_DATABASE"])
    repository.create_tables()
    return BillingService(create_provider("stripe"), repository)


def webhook(body: bytes, headers: Mapping[str, str]) -> int:
    """The first endpoint to move: what arrives is kept, also for customers that are not adopted yet."""
    return billing().respond("stripe", body, headers).status


def may_use(org_id: str) -> bool:
    """The second: it reads the database, and asks Stripe nothing."""
    return billing().access(org_id).allowed


def cancel(org_id: str) -> None:
    """The third: end the subscription with its period."""
    billing().cancel(org_id)


def checkout(org_id: str, email: str) -> str:
    """The last: the page where the organisation subscribes."""
    pages = {"success_url": "https://app.example/thanks", "cancel_url": "https://app.example/plans"}
    return billing().start_checkout(org_id, PLAN, email=email, **pages).id
