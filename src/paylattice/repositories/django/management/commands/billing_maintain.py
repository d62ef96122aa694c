"""``manage.py billing_maintain``: all scheduled work of billing, once. Run it every five minutes."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from ...service import configured_service


class Command(BaseCommand):
    """Do all scheduled work once."""

    help = (
        "Do billing's scheduled work once: open operations, missed and waiting events, differences. "
        "Ends with 1 if something needs a person."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The time that it may take."""
        parser.add_argument("--budget", type=int, default=240, metavar="SECONDS", help="how long it may take (240)")

    def handle(self, *args: Any, budget: int = 240, **options: Any) -> None:
        """Run it."""
        report = configured_service().maintain(budget=timedelta(seconds=budget))
        for sentence in report.needs_a_person:
            self.stderr.write(sentence)
        self.stdout.write(f"{report.applied} waiting events applied, {len(report.recovered.done)} operations finished")
        if report.needs_a_person:
            message = f"{len(report.needs_a_person)} things need a person"
            raise CommandError(message)
