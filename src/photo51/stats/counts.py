"""Whether a count of successes is more than chance gives: what a claim of the form "k of n" needs before it has a
verdict.

"One or more" is no test: of thirty classes one in twenty comes up by chance. The laws here take how often a single
case succeeds by chance, which its own test states, and ask how likely as many successes are.

References
----------
Clopper and Pearson 1934, Biometrika 26:404, doi:10.1093/biomet/26.4.404 (binomial tail); Dixon and Mood
1946, J Am Stat Assoc 41:557, doi:10.2307/2280577 (sign test).
"""

from __future__ import annotations

import scipy

ALPHA = 0.05


def count_p(successes: int, cases: int, chance: float = ALPHA) -> float:
    """Probability of so many successes or more among independent cases that each succeed by chance.

    Parameters
    ----------
    successes, cases
        Counts; cases that share what decides them are to be counted once.
    chance
        Rate of success of one case where there is nothing to find.

    Returns
    -------
    1 for no cases.

    Raises
    ------
    ValueError
        For more successes than cases.
    """
    if not 0 <= successes <= cases:
        raise ValueError(f"successes: need 0 to {cases}, got {successes}")
    return float(scipy.stats.binom.sf(successes - 1, cases, chance)) if cases else 1.0


def sign_p(wins: int, losses: int) -> float:
    """Probability of so many wins or more if either side were as likely to win a case; ties are left out (sign test,
    one-sided).

    Raises
    ------
    ValueError
        For negative counts.
    """
    return count_p(wins, wins + losses, 0.5)
