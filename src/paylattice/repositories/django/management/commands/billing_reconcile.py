"""``manage.py billing_reconcile stripe``: compares every stored subscription with the provider's."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from ...service import configured_service


class Command(BaseCommand):
    """Compare every stored subscription with the provider's."""

    help = "Compare every stored subscription with the provider's, and print what differs."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The provider, and what to do."""
        parser.add_argument("provider")
        parser.add_argument("--repair", action="store_true", help="store the provider's state where it differs")
        parser.add_argument("--after", metavar="ID", help="go on behind the customer with this record id")

    def handle(
        self, *args: Any, provider: str = "", repair: bool = False, after: str | None = None, **options: Any
    ) -> None:
        """Run it."""
        found = configured_service().reconcile(
            provider, repair=repair, after=after, on_difference=lambda each: self.stdout.write(str(each))
        )
        self.stdout.write(f"{found.customers} customers compared, {found.different} subscriptions differed")
