"""A stand-in that a person can use: with pages, a dashboard, and webhooks to your application."""

from .server import Sandbox

__all__ = ["Sandbox"]
