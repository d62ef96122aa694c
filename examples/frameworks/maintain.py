"""The one scheduled job: a cron entry, a systemd timer, or the task of a scheduler. ``python maintain.py``, every five minutes.

It prints what needs a person, and ends with 1 if anything does: what cron mails, and what a scheduler alerts about.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path

from paylattice.sync import BillingService, create_provider

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "repositories")]

from sqlite_repository import SQLiteRepository


def main() -> int:
    repository = SQLiteRepository(os.environ.get("SHOP_DATABASE", "shop.db"))
    repository.create_tables()
    with BillingService(create_provider(os.environ.get("PAYMENT_PROVIDER", "memory")), repository) as billing:
        # register the same handlers as in your web process: missed events are applied here
        report = billing.maintain(purge_unmatched_after=timedelta(days=90))
    for sentence in report.needs_a_person:
        print(sentence)
    return 1 if report.needs_a_person else 0


if __name__ == "__main__":
    raise SystemExit(main())
