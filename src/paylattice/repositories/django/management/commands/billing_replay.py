"""``manage.py billing_replay stripe --since 2026-01-31T12:00Z``: applies missed events, and those that wait."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand

from ...service import configured_service


def _moment(said: str) -> datetime:
    try:
        moment = datetime.fromisoformat(said)
    except ValueError:
        message = f"{said!r} is no time in ISO 8601, such as 2026-01-31T12:00Z"
        raise ArgumentTypeError(message) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Command(BaseCommand):
    """Apply missed events of a provider, and those that wait."""

    help = "Apply events of a provider that were missed, from the provider's own list, and those that wait. None twice."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The provider, and since when."""
        parser.add_argument("provider")
        parser.add_argument(
            "--since", type=_moment, metavar="TIME", help="UTC unless it says otherwise; none: only waiting events"
        )

    def handle(self, *args: Any, provider: str = "", since: datetime | None = None, **options: Any) -> None:
        """Run it."""
        billing = configured_service()
        if since is not None:
            caught = billing.catch_up(provider, since)
            self.stdout.write(f"{caught.applied} missed events applied")
            for event_id in caught.failed:
                self.stderr.write(f"event {event_id} is not applied: the log says why")
        self.stdout.write(f"{billing.apply_unmatched(provider)} waiting events applied")
