"""``python -m paylattice webhook``."""

import sys
from pathlib import Path

from ..diagnoses import Diagnoses
from ..driving import run
from ..errors import WebhookError
from ..sync import create_provider

__all__ = ["webhook"]


def webhook(name: str, body: str, headers: list[str], url: str | None) -> int:
    """Verify a saved delivery; 0 if it is genuine. Shows the event's type and id, and nothing of its content."""
    try:
        payload = Path(body).read_bytes()
    except OSError as exc:
        print(f"cannot read {body}: {exc.strerror}", file=sys.stderr)
        return 1
    pairs = [(header.partition(":")[0].strip(), header.partition(":")[2].strip()) for header in headers]
    with create_provider(name) as provider:
        provider.wrapped.diagnoses = Diagnoses(every=0, largest=sys.maxsize)
        try:
            event = run(provider.wrapped.parse_webhook(payload, pairs, url=url))
        except WebhookError as error:
            print(f"refused: {type(error).__name__}, diagnosis {error.diagnosis}: {error.message}")
            return 1
    print(f"genuine: {event.type} ({event.id}), created {event.created_at:%Y-%m-%d %H:%M:%S} UTC")
    return 0
