"""Invented patients for the doors: every kind of input, in any unit, below limits, unknown or left out."""

from __future__ import annotations

import json

from riskml.errors import DataError

_UNITS = ("%", "1", "10*-4", "10*9/L", "/uL", "a", "mo")


def random_patient(dictionary, names, random_):
    """Any values of some variables, as strict JSON has them; a quarter is left out and some are null."""
    patient = {}
    for name in names:
        variable = dictionary[name]
        if random_.random() < 0.25:
            if random_.random() < 0.3:
                patient[name] = None
        elif variable.kind == "tristate":
            patient[name] = random_.choice(["present", "absent"])
        elif variable.kind == "category":
            patient[name] = random_.choice(list(variable.levels))
        elif variable.kind == "integer":
            patient[name] = random_.randint(1, 5)
        else:
            patient[name] = _measured(variable, random_)
    return patient


def _measured(variable, random_):
    """A number with its unit in one of the ways there are, or without one in the unit of the dictionary."""
    low, high = max(variable.soft[0], variable.soft[1] * 1e-4), variable.soft[1]
    unit = random_.choice([unit for unit in _UNITS if variable.quantity.factor(unit)])
    number = low * (high / low) ** random_.random() / variable.quantity.factor(unit)
    if variable.left_censored and random_.random() < 0.2:
        return f"<{number!r} {unit}"
    canonical = number * variable.quantity.factor(unit)
    return random_.choice([{"value": number, "unit": unit}, f"{number!r} {unit}", canonical])


def answered_patients(bundles, names, number, random_):
    """So many patients with what Python predicts of them, each asked of the next bundle in turn.

    Values that cannot be true together are refused: such a patient is drawn again.
    """
    found = []
    while len(found) < number:
        patient = json.loads(json.dumps(random_patient(bundles[0].dictionary, names, random_)))
        try:
            found.append((patient, bundles[len(found) % len(bundles)].predict(patient)))
        except DataError:
            continue
    return found


def as_row(patient, names):
    """A patient as the cells of a table."""
    cells = {}
    for name in names:
        raw = patient.get(name)
        cells[name] = f"{raw['value']!r} {raw['unit']}" if isinstance(raw, dict) else "" if raw is None else str(raw)
    return cells
