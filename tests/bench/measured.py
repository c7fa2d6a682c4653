"""What a benchmark finds out."""

from dataclasses import dataclass, field

from .contest import Round


@dataclass(frozen=True, slots=True)
class Verdict:
    """One line of a goal: what was wanted, what was measured."""

    goal: str
    store: str
    what: str
    measured: float
    least: float | None = None
    most: float | None = None
    ratio: str | None = None
    """The name under which it stands in ``ratios``."""

    @property
    def holds(self) -> bool:
        return (self.least is None or self.measured >= self.least) and (self.most is None or self.measured <= self.most)

    @property
    def wanted(self) -> str:
        if self.least is not None:
            return f"≥ {self.least:g}"
        return f"≤ {self.most:g}" if self.most is not None else ""


@dataclass(slots=True)
class Measured:
    rounds: list[Round] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
