"""Acme for paylattice: ``create_provider("acme")``."""

from .config import AcmeConfig
from .provider import AcmeProvider

__all__ = ["AcmeConfig", "AcmeProvider"]
