"""How far the effect of one input depends on another: the Shapley interaction index, from tables of all coalitions."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb

import numpy as np
import numpy.typing as npt

from riskml.runtime.model import PortableModel
from riskml.runtime.score import score_table

FloatArray = npt.NDArray[np.float64]

# The coalitions double with every input; each is one pass over prototypes times prototypes.
MAX_INPUTS = 10


def mean_interactions(model: PortableModel, times: Sequence[float] = ()) -> FloatArray:
    """Mean absolute interaction of every two inputs over the prototypes.

    Parameters
    ----------
    model : PortableModel
        Of at most ``MAX_INPUTS`` inputs.
    times : sequence of float
        One month for a survival model, none for a binary outcome.

    Returns
    -------
    float array of shape (n_inputs, n_inputs)
        Symmetric, with zeros on the diagonal.

    Raises
    ------
    ValueError
        If there are more inputs.
    """
    index = interactions(worths_of_prototypes(model, times), len(model.inputs))
    return np.asarray(np.tensordot(model.weights, np.abs(index), 1))


def worths_of_prototypes(model: PortableModel, times: Sequence[float] = ()) -> FloatArray:
    """v(S) of every prototype for every subset S of its inputs, bit i for input i; shape (n_prototypes, 2**n_inputs).

    The prototypes are patients and background at once, as for the importance of a model that knows no others.
    """
    n_inputs, n_rows = len(model.inputs), len(model.background)
    if n_inputs > MAX_INPUTS:
        raise ValueError(f"interactions are computed for at most {MAX_INPUTS} inputs, got {n_inputs}")
    columns = dict(zip(model.inputs, map(list, zip(*model.background, strict=True)), strict=True))
    worths = np.empty((n_rows, 1 << n_inputs))
    for subset in range(1 << n_inputs):
        known = {name: columns[name] for i, name in enumerate(model.inputs) if subset >> i & 1}
        worths[:, subset] = score_table(model, known, n_rows, times)[:, 0]
    return worths


def interactions(worths: FloatArray, n_inputs: int) -> FloatArray:
    r"""Shapley interaction index of every two players.

    .. math:: I_{ij} = \sum_{S \subseteq N \setminus \{i,j\}} \frac{|S|!\,(n-|S|-2)!}{(n-1)!}
        \bigl(v(S \cup \{i,j\}) - v(S \cup \{i\}) - v(S \cup \{j\}) + v(S)\bigr)

    Parameters
    ----------
    worths : float array of shape (..., 2**n_inputs)
        v(S); bit i of the index says whether player i is in S.
    n_inputs : int

    Returns
    -------
    float array of shape (..., n_inputs, n_inputs)
        Twice what shap calls the interaction value of (i, j), which halves it between (i, j) and (j, i).

    References
    ----------
    Grabisch M, Roubens M. An axiomatic approach to the concept of interaction among players in cooperative games.
    Int J Game Theory 1999;28:547-565. Lundberg SM et al. Nat Mach Intell 2020;2:56-67.
    """
    subsets = np.arange(1 << n_inputs)
    sizes = np.array([int(subset).bit_count() for subset in subsets])
    found = np.zeros((*worths.shape[:-1], n_inputs, n_inputs))
    for i in range(n_inputs):
        for j in range(i):
            one, other = 1 << i, 1 << j
            without = subsets[(subsets & (one | other)) == 0]
            weights = [1 / ((n_inputs - 1) * comb(n_inputs - 2, int(size))) for size in sizes[without]]
            second = worths[..., without | one | other] - worths[..., without | one] - worths[..., without | other]
            found[..., i, j] = found[..., j, i] = (second + worths[..., without]) @ np.array(weights)
    return found
