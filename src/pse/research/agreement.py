"""How far repeated answers to the same questions agree: pairs, the flip from the usual answer, Fleiss' kappa, and how two who answer the same agree.

Answers are labels of any kind; a table is a sequence of subjects, each with one answer a draw.  What is asked and of whom stands elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from pse.research.bootstrap import wilson

Answers = Sequence[Hashable]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Share:
    """`hits` of `trials`, with Wilson's interval; both None without a trial."""

    hits: int
    trials: int
    level: float = 0.95

    @property
    def value(self) -> float | None:
        return self.hits / self.trials if self.trials else None

    @property
    def interval(self) -> Interval | None:
        return wilson(self.hits, self.trials, self.level)


def modal(answers: Answers) -> Hashable:
    """The most frequent answer; of several the one that came first."""
    return Counter(answers).most_common(1)[0][0]


def flips(table: Sequence[Answers]) -> Share:
    """Answers that are not the most frequent one of their subject.

    The interval takes draws for independent.  The most frequent answer is found in the same draws, so the share comes out low where it is near a half or
    draws are few (of two answers at 20 draws a true share of 0.2 comes out lower by 0.0001, one of 0.4 by 0.02).
    """
    return Share(sum(len(answers) - list(answers).count(modal(answers)) for answers in table if answers), sum(map(len, table)))


def unanimous(table: Sequence[Answers]) -> Share:
    """Subjects of two or more answers that are all the same."""
    asked = [answers for answers in table if len(answers) > 1]
    return Share(sum(1 for answers in asked if len(set(answers)) == 1), len(asked))


def pairwise(table: Sequence[Answers]) -> float | None:
    """Mean over subjects of the share of pairs of draws that agree; None where no subject has two draws.  Fleiss (1971), the mean of P_i."""
    shares = [_agreeing(answers) for answers in table if len(answers) > 1]
    return sum(shares) / len(shares) if shares else None


def _agreeing(answers: Answers) -> float:
    n = len(answers)
    return sum(count * (count - 1) for count in Counter(answers).values()) / (n * (n - 1))


def fleiss_kappa(table: Sequence[Answers]) -> float | None:
    """Agreement beyond chance of equally many draws a subject: 1 whole, 0 what chance gives, below 0 less.

    None where there are fewer than two draws, or where all answers are one and the same, by which chance agrees as well.  Fleiss (1971), Psychological
    Bulletin 76, 378-382.  Raises ValueError for subjects of unequally many draws.
    """
    draws = {len(answers) for answers in table}
    if len(draws) > 1:
        raise ValueError(f"Fleiss' kappa needs equally many answers a subject; found {min(draws)} to {max(draws)}")
    observed = pairwise(table)
    if observed is None:
        return None
    counts = Counter(one for answers in table for one in answers)
    whole = sum(counts.values())
    chance = sum((count / whole) ** 2 for count in counts.values())
    return None if len(counts) == 1 else (observed - chance) / (1.0 - chance)


def agreement_of_two(first: Answers, second: Answers) -> Share:
    """Subjects to which both gave the same answer."""
    return Share(sum(a == b for a, b in zip(first, second, strict=True)), len(first))


def cohen_kappa(first: Answers, second: Answers) -> float | None:
    """Agreement of two beyond chance, each with habits of its own; None without a subject, or where both always say one and the same.

    Cohen (1960), Educational and Psychological Measurement 20, 37-46.
    """
    if not first:
        return None
    observed = agreement_of_two(first, second).value or 0.0
    habits, others = Counter(first), Counter(second)
    chance = sum(count * others[answer] for answer, count in habits.items()) / len(first) ** 2
    return None if chance == 1.0 else (observed - chance) / (1.0 - chance)
