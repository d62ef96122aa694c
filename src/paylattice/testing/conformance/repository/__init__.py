"""The suite that a repository must pass: one class for async repositories, one for blocking ones."""

from .suite import BlockingRepositoryConformance, RepositoryConformance

__all__ = ["BlockingRepositoryConformance", "RepositoryConformance"]
