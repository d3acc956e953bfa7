"""A probability as a person reads it: percent and natural frequency, never a false 0 or certainty.

References
----------
Gigerenzer G, Hoffrage U. How to improve Bayesian reasoning without instruction: frequency formats. Psychol Rev
1995;102:684-704.
"""

from __future__ import annotations

# Nearer to 0 or 1 than this, a rounded figure would claim certainty.
_SURE = 0.0005


def digits(share: float) -> str:
    """A percentage without its sign, with a decimal near 0 and 100.

    Examples
    --------
    >>> digits(0.18), digits(0.004), digits(1.0)
    ('18', '0.4', '>99.9')
    """
    if share <= _SURE:
        return "<0.1"
    if share >= 1 - _SURE:
        return ">99.9"
    return f"{100 * share:.0f}" if 0.01 <= share <= 0.99 else f"{100 * share:.1f}"


def percent(share: float) -> str:
    """``"18 %"``; with a decimal near 0 and 100 ``"0.4 %"``.

    Examples
    --------
    >>> percent(0.18), percent(0.0)
    ('18 %', 'less than 0.1 %')
    """
    return f"{digits(share)} %".replace("<", "less than ").replace(">", "more than ")


def frequency(share: float) -> str:
    """A natural frequency.

    Examples
    --------
    >>> frequency(0.18), frequency(0.004), frequency(1.0)
    ('about 18 in 100', 'about 4 in 1000', 'more than 999 in 1000')
    """
    if share <= _SURE:
        return "fewer than 1 in 1000"
    if share >= 1 - _SURE:
        return "more than 999 in 1000"
    return f"about {100 * share:.0f} in 100" if 0.01 <= share <= 0.99 else f"about {1000 * share:.0f} in 1000"
