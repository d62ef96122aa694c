"""How requests reach a provider: one retry policy, one set of timeouts and one kind of observer for all providers.

httpx, or httpx2, is imported only here, and only when the first request is sent.
"""

from .base import Timeouts, Transport
from .httpx import AsyncTransport, BlockingTransport
from .messages import Request, Response
from .observers import Observer, RequestSent, ResponseReceived, RetryScheduled, WebhookObserver, WebhookVerified
from .primitives import AsyncPrimitives, BlockingPrimitives, Primitives
from .retry import RetryPolicy

__all__ = [
    "AsyncPrimitives",
    "AsyncTransport",
    "BlockingPrimitives",
    "BlockingTransport",
    "Observer",
    "Primitives",
    "Request",
    "RequestSent",
    "Response",
    "ResponseReceived",
    "RetryPolicy",
    "RetryScheduled",
    "Timeouts",
    "Transport",
    "WebhookObserver",
    "WebhookVerified",
]
