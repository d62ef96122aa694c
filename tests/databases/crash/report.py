"""What a run did, and what it found wrong."""

from collections.abc import Mapping, Sequence

import attrs

__all__ = ["Report"]


@attrs.frozen
class Report:
    """One run.

    Args:
        title: what was run.
        facts: what happened, by name.
        problems: what is not as it must be; empty if all is well.
    """

    title: str
    facts: Mapping[str, object]
    problems: Sequence[str]

    def __str__(self) -> str:
        """The run as a text."""
        width = max(map(len, self.facts))
        lines = [self.title, *(f"  {name:<{width}}  {_said(value)}" for name, value in self.facts.items())]
        lines += [f"  PROBLEM: {problem}" for problem in self.problems] or ["  everything is there, once"]
        return "\n".join(lines)


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {number}" for name, number in sorted(value.items())) or "none"
    return str(value)
