"""Units as the dictionary lists them: many spellings, one factor to the canonical unit, no guessing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

from riskml.record import Record

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻µμ\N{MULTIPLICATION SIGN}", "0123456789-uux")


@lru_cache(maxsize=1024)  # a column of 100,000 cells spells its unit the same way in most of them
def fold_unit(text: str) -> str:
    """One form for the many spellings of a unit: ``"x10^9 / l"``, ``"10⁹/L"`` and ``"10*9/L"`` become ``"10*9/l"``.

    Examples
    --------
    >>> fold_unit("10⁹/L"), fold_unit("x 10^9 / l"), fold_unit("Cells/µL")
    ('10*9/l', '10*9/l', 'cells/ul')
    """
    power = any(mark in text for mark in "⁰¹²³⁴⁵⁶⁷⁸⁹")
    folded = "".join(text.translate(_SUPERSCRIPTS).casefold().split())
    folded = folded.replace("**", "*").replace("^", "*").removeprefix("x")
    if power and folded.startswith("10") and not folded.startswith("10*"):
        folded = "10*" + folded[2:]
    return folded


class Quantity(Record):
    """A kind of measurement with its canonical unit.

    Attributes
    ----------
    name : str
        Table name in ``features/units.toml``.
    canonical : str
        Unit in which riskml computes.
    display : str
        Unit in which values are shown to a person; one of the accepted spellings, or empty for pure numbers.
    factors : mapping of str to float
        Folded spelling -> factor that takes a value to the canonical unit.
    spellings : tuple of str
        The accepted spellings as written in the file, for messages.
    """

    name: str
    canonical: str
    display: str
    factors: Mapping[str, float]
    spellings: tuple[str, ...]

    @classmethod
    def from_dict(cls, name: str, raw: Mapping[str, object]) -> Quantity:
        """Build from one table of ``features/units.toml`` (or its copy in a bundle)."""
        written = raw["factors"]
        assert isinstance(written, Mapping)
        factors = {fold_unit(unit): float(factor) for unit, factor in written.items()}
        if not all(0 < factor < math.inf for factor in factors.values()):
            raise ValueError(f"the factors of {name} must be positive and finite")
        return cls(
            name=name,
            canonical=str(raw["canonical"]),
            display=str(raw["display"]),
            factors=factors,
            spellings=tuple(written),
        )

    def factor(self, unit: str) -> float | None:
        """Factor from ``unit`` to the canonical unit, or None where the unit is not one of this quantity."""
        return self.factors.get(fold_unit(unit))

    def show(self, value: float) -> str:
        """``value`` (canonical unit) as a person reads it, for example ``"0.52 %"`` or ``"6.4 years"``."""
        factor = self.factor(self.display) if self.display else 1.0
        text = f"{value / (factor or 1.0):.3g}"
        if "e" in text:
            text = f"{value / (factor or 1.0):.6f}".rstrip("0").rstrip(".") or "0"
        return f"{text} {self.display.replace('10*9', '10^9')}".strip()
