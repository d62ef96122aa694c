"""How far an adoption has come, and what it came to."""

from collections.abc import Iterable, Mapping

import attrs

from .lines import AdoptionLine, AdoptionOutcome, AdoptionProblem

__all__ = ["AdoptionReport"]

_SHOWN = 100


@attrs.frozen
class AdoptionReport:
    """What a run has done, so far.

    Args:
        outcomes: how many pairs had which outcome.
        problems: how many pairs had which problem.
        with_problems: the first hundred lines with a problem; ``on_line`` gets all lines.
        after: the organisation of the last pair that is done: pass it to go on from there. None: none is done.
    """

    outcomes: Mapping[AdoptionOutcome, int] = attrs.field(factory=dict[AdoptionOutcome, int])
    problems: Mapping[AdoptionProblem, int] = attrs.field(factory=dict[AdoptionProblem, int])
    with_problems: tuple[AdoptionLine, ...] = ()
    after: str | None = None

    @property
    def pairs(self) -> int:
        """How many pairs were looked at."""
        return sum(self.outcomes.values())

    @property
    def is_complete(self) -> bool:
        """Whether every pair is stored."""
        return not self.outcomes.get(AdoptionOutcome.LEFT_OUT) and not self.outcomes.get(AdoptionOutcome.FAILED)

    def with_lines(self, lines: Iterable[AdoptionLine], after: str) -> "AdoptionReport":
        """The report after some more lines.

        Args:
            lines: of the pairs.
            after: the organisation of the last one.
        """
        outcomes, problems, shown = dict(self.outcomes), dict(self.problems), list(self.with_problems)
        for line in lines:
            outcomes[line.outcome] = outcomes.get(line.outcome, 0) + 1
            for problem in line.problems:
                problems[problem] = problems.get(problem, 0) + 1
            if line.problems and len(shown) < _SHOWN:
                shown.append(line)
        return AdoptionReport(outcomes, problems, tuple(shown), after)

    def as_text(self) -> str:
        """The report for a person."""
        counted = [f"{self.outcomes[each]} {each}" for each in AdoptionOutcome if self.outcomes.get(each)]
        lines = [f"{self.pairs} pairs: {', '.join(counted) or 'none'}"]
        lines += [f"  {self.problems[each]} {each}: {each.advice}" for each in AdoptionProblem if each in self.problems]
        lines += [f"    {line.org_id} {line.external_id}: {', '.join(line.problems)}" for line in self.with_problems]
        return "\n".join(lines)
