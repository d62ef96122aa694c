"""Posts the webhooks of a simulated provider to the application, and remembers what it answered."""

import random
import threading
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from http.client import HTTPException, HTTPMessage
from typing import IO, Protocol
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

import attrs

from ..simulator import Webhook

__all__ = ["Outbox", "Posted", "Sender"]

_KEPT = 500
_TIMEOUT = 15
_PAUSE = 0.05
"""Seconds before a webhook follows the answer that it belongs to: the application has that first, as a rule."""


class Sender(Protocol):
    """What has webhooks to send."""

    def deliveries(self) -> Sequence[Webhook]:
        """Return those that wait; they wait no longer."""
        ...


@attrs.frozen
class Posted:
    """A webhook, and what became of it.

    Args:
        type: the provider's own word.
        event_id: the provider's id of the event.
        answer: an HTTP status, or why there is none.
        ok: whether the provider counts it as delivered.
        at: when, in UTC.
    """

    type: str
    event_id: str
    answer: str
    ok: bool
    at: datetime


class Outbox:
    """Posts webhooks in the background, in the order in which they were made.

    Args:
        sender: whose webhooks.
        url: where to; None: nowhere, they wait.
    """

    def __init__(self, sender: Sender, url: str | None) -> None:
        if url is not None and not url.startswith(("http://", "https://")):
            message = f"webhooks are posted to an http or https URL, not to {url!r}"
            raise ValueError(message)
        self.url = url
        self._sender = sender
        self._posted: deque[Posted] = deque(maxlen=_KEPT)
        self._next: list[str] = []
        self._posting = threading.Lock()
        self._woken = threading.Event()
        self._closed = False

    @property
    def posted(self) -> Sequence[Posted]:
        """What was posted, the newest first."""
        return list(reversed(self._posted))

    def misbehave(self, how: str) -> None:
        """Do something to the webhooks that are posted next.

        Args:
            how: ``lose``: the next one is never posted; ``double``: it is posted twice; ``shuffle``: the next ones that wait
                together are posted in another order.

        Raises:
            ValueError: it is none of these.
        """
        if how not in {"lose", "double", "shuffle"}:
            message = f"webhooks can be lost, doubled or shuffled: not {how!r}"
            raise ValueError(message)
        self._next.append(how)

    def wake(self) -> None:
        """Something may wait: post it soon."""
        self._woken.set()

    def run(self) -> None:
        """Post what waits, until :meth:`close`."""
        while not self._closed:
            self._woken.wait()
            self._woken.clear()
            threading.Event().wait(_PAUSE)
            self.flush()

    def close(self) -> None:
        """Let :meth:`run` end."""
        self._closed = True
        self._woken.set()

    def flush(self) -> int:
        """Post what waits, now, and return how many were posted."""
        if self.url is None:
            return 0
        with self._posting:
            waiting = self._disturbed(list(self._sender.deliveries()))
            for webhook in waiting:
                self._posted.append(_post(self.url, webhook))
            return len(waiting)

    def _disturbed(self, waiting: list[Webhook]) -> list[Webhook]:
        while waiting and self._next:
            match self._next.pop(0):
                case "lose":
                    lost = waiting.pop(0)
                    self._posted.append(_said(lost, "lost", ok=False))
                case "double":
                    waiting.insert(0, waiting[0])
                case _:
                    random.shuffle(waiting)
        return waiting


class _NoRedirects(HTTPRedirectHandler):
    """Providers follow none: an answer of 302 means that the delivery failed."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow nothing."""


_OPENER = build_opener(_NoRedirects)


def _post(url: str, webhook: Webhook) -> Posted:
    request = Request(url, webhook.payload, dict(webhook.headers), method="POST")  # noqa: S310 - checked above
    try:
        with _OPENER.open(request, timeout=_TIMEOUT) as answer:
            return _said(webhook, str(answer.status), ok=True)
    except HTTPError as refused:
        return _said(webhook, str(refused.code), ok=False)
    except (OSError, HTTPException) as error:
        return _said(webhook, f"no answer: {getattr(error, 'reason', error) or type(error).__name__}", ok=False)


def _said(webhook: Webhook, answer: str, *, ok: bool) -> Posted:
    return Posted(webhook.type, webhook.event_id, answer, ok, datetime.now(UTC))
