"""A bundle as a fitted scikit-learn estimator: for tools that judge, calibrate or draw estimators.

``fit`` learns nothing: the model is what the bundle holds, in every fold alike. Honest performance of how it was made
is in the bundle's own evaluation; these wrappers are for judging the finished model on patients it has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from riskml.errors import DataError, Fault, UsageError
from riskml.runtime.bundle import Bundle, open_bundle
from riskml.runtime.derived import components
from riskml.runtime.dictionary import Variable
from riskml.runtime.parsing import CellError, Reading

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Patients:
    """What ``Bundle.score`` needs of a cohort."""

    frame: pd.DataFrame
    below: pd.DataFrame
    row_numbers: npt.NDArray[np.int64]


class _BundleEstimator(BaseEstimator):  # type: ignore[misc] # scikit-learn ships no types
    """What both wrappers share; ``bundle`` is an open bundle or the path of one."""

    def __init__(self, bundle: Bundle | str | Path) -> None:
        self.bundle = bundle

    def fit(self, X: object = None, y: object = None) -> Self:  # noqa: ARG002 - the model is what the bundle holds
        """Learn nothing; raises what :func:`riskml.open_bundle` raises if there is no bundle."""
        self._model()
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    @property
    def feature_names_in_(self) -> npt.NDArray[np.object_]:
        """Names of the model's inputs, shape (n_inputs,)."""
        return np.array(self._model().model.inputs, dtype=object)

    @property
    def n_features_in_(self) -> int:
        """Number of inputs."""
        return len(self._model().model.inputs)

    def _model(self) -> Bundle:
        if isinstance(self.bundle, Bundle):
            bundle = self.bundle
        else:
            if not hasattr(self, "_opened"):
                self._opened = open_bundle(self.bundle)
            bundle = self._opened
        kind = "binary" if isinstance(self, BundleClassifier) else "survival"
        if bundle.model.kind != kind:
            raise UsageError(f"{type(self).__name__} is for {kind} outcomes; this bundle's is {bundle.model.kind}")
        return bundle

    def _answers(self, X: Any, months: Sequence[float] | None = None) -> FloatArray:
        bundle = self._model()
        scores = bundle.score(_patients(bundle, X), at=months)
        return np.asarray(scores.drop(columns="row"), dtype=np.float64)


class BundleClassifier(ClassifierMixin, _BundleEstimator):  # type: ignore[misc] # likewise
    """A bundle with a binary outcome as a fitted classifier.

    Parameters
    ----------
    bundle : Bundle, str or Path

    Attributes
    ----------
    classes_ : int array of shape (2,)
        0, and 1 for the event.
    feature_names_in_, n_features_in_
        The model's inputs.

    Examples
    --------
    >>> import pandas as pd, riskml
    >>> model = BundleClassifier(riskml.shipped("non_response"))
    >>> model.predict_proba(pd.DataFrame({"mrd": ["0.52 %", None], "bcr_abl1": ["absent", "present"]})).shape
    (2, 2)
    """

    classes_ = np.array([0, 1])

    def predict_proba(self, X: Any) -> FloatArray:
        """Probability of no event and of the event.

        Parameters
        ----------
        X : DataFrame, or array of shape (n_patients, n_inputs)
            Columns by any name of the dictionary, values as ``predict`` takes them: numbers in the canonical unit, or
            text with a unit; NaN and None are not known. An array has the inputs in the order of ``feature_names_in_``.

        Returns
        -------
        float array of shape (n_patients, 2)

        Raises
        ------
        DataError
            With every refused value, by row.
        """
        risk = self._answers(X)[:, 0]
        return np.column_stack([1 - risk, risk])

    def predict(self, X: Any) -> npt.NDArray[np.int64]:
        """The likelier class, shape (n_patients,): scikit-learn asks for one. No decision follows from it."""
        return (self._answers(X)[:, 0] > 0.5).astype(np.int64)


class BundleSurvival(_BundleEstimator):
    """A bundle with a survival outcome as a fitted scikit-survival estimator; all times are months.

    Parameters
    ----------
    bundle : Bundle, str or Path

    Attributes
    ----------
    unique_times_ : float array of shape (n_months,)
        Months at which the survival functions are given: every whole one to the end of what the model supports.
    feature_names_in_, n_features_in_
        The model's inputs.
    """

    @property
    def unique_times_(self) -> FloatArray:
        """Whole months from 0, and the last that the model speaks for."""
        reach = self._model().model.horizon
        return np.append(np.arange(np.ceil(reach)), reach).astype(np.float64)

    def predict(self, X: Any) -> FloatArray:
        """Risk of the event by the model's last horizon, shape (n_patients,); higher is worse."""
        bundle = self._model()
        return 1 - self._answers(X, [max(bundle.manifest["horizons_months"])])[:, 0]

    def predict_survival_function(self, X: Any, *, return_array: bool = False) -> Any:
        """S(t) of each patient; ``X`` as in :meth:`BundleClassifier.predict_proba`.

        Returns
        -------
        object array of StepFunction, shape (n_patients,), or float array of shape (n_patients, n_months)
        """
        from sksurv.functions import StepFunction  # noqa: PLC0415 - a second to import

        months = self.unique_times_
        survival = self._answers(X, months.tolist())
        if return_array:
            return survival
        steps = np.empty(len(survival), dtype=object)
        steps[:] = [StepFunction(months, row) for row in survival]
        return steps

    def score(self, X: Any, y: Any) -> float:
        """Harrell's C; ``y`` is a structured array of event and months (Harrell et al., JAMA 1982;247:2543-2546)."""
        from sksurv.metrics import concordance_index_censored  # noqa: PLC0415 - a second to import

        event, months = y.dtype.names
        return float(concordance_index_censored(y[event], y[months], self.predict(X))[0])


def as_estimator(bundle: Bundle | str | Path) -> BundleClassifier | BundleSurvival:
    """The wrapper that fits the bundle's outcome."""
    opened = bundle if isinstance(bundle, Bundle) else open_bundle(bundle)
    return BundleClassifier(bundle) if opened.model.kind == "binary" else BundleSurvival(bundle)


def _patients(bundle: Bundle, X: Any) -> _Patients:
    """Read a table as ``predict`` reads each patient, every distinct value once."""
    table = _table(bundle, X)
    wanted = {*bundle.model.inputs}
    if made := bundle.dictionary.derivable(bundle.model.inputs):
        wanted |= components(bundle.dictionary.definitions, made)
    columns: dict[str, Any] = {}
    below: dict[str, Any] = {}
    faults: list[Fault] = []
    for header in table.columns:
        found = bundle.dictionary.find(str(header))
        if found is None:
            near = bundle.dictionary.nearest(str(header))
            remedy = f"drop it or rename it: the nearest known name is '{near}'"
            faults.append(Fault(None, str(header)[:200], "is not a name of the dictionary", None, remedy))
        elif found[0].name in columns:
            faults.append(Fault(None, str(header), f"is another name for {found[0].name}", None, "keep one of them"))
        elif found[0].name in wanted:
            name = found[0].name
            columns[name], below[name] = _column(bundle, *found, table[header], faults)
    if faults:
        raise DataError("the table was refused", faults)
    frame = pd.DataFrame(columns, index=range(len(table)))
    return _Patients(frame, pd.DataFrame(below, index=frame.index, dtype=bool), np.arange(len(table), dtype=np.int64))


def _table(bundle: Bundle, X: Any) -> pd.DataFrame:
    if isinstance(X, pd.DataFrame):
        return X
    names, values = list(bundle.model.inputs), np.asarray(X)
    if values.ndim != 2 or values.shape[1] != len(names):
        raise UsageError(f"X must have {len(names)} columns ({', '.join(names)}), got shape {values.shape}")
    return pd.DataFrame(values, columns=names)


def _column(
    bundle: Bundle, variable: Variable, unit: str | None, cells: pd.Series, faults: list[Fault]
) -> tuple[npt.NDArray[Any], npt.NDArray[np.bool_]]:
    index, distinct = pd.factorize(cells.astype(object))
    readings = [_read(bundle, variable, unit, value) for value in distinct.tolist()]
    for place in np.flatnonzero([isinstance(readings[code], CellError) if code >= 0 else False for code in index]):
        error = readings[index[place]]
        assert isinstance(error, CellError)
        faults.append(Fault(int(place), variable.name, error.rule, error.value, error.remedy))
    known = [reading if isinstance(reading, Reading) else Reading(None) for reading in readings]
    text = variable.kind == "category"
    values = np.array([*(r.value for r in known), None], dtype=object if text else np.float64)
    below = np.array([*(reading.below is not None for reading in known), False])
    return values[index], below[index]


def _read(bundle: Bundle, variable: Variable, unit: str | None, value: object) -> Reading | CellError:
    try:
        return bundle.dictionary.read(variable, value, unit)
    except CellError as error:
        return error


def versions(bundle: Bundle) -> Mapping[str, str]:
    """What an exported estimator was made with, and needs."""
    import platform  # noqa: PLC0415 - only an export asks

    import sklearn  # noqa: PLC0415

    from riskml import __version__  # noqa: PLC0415

    packages = {"riskml": __version__, "scikit-learn": sklearn.__version__, "numpy": np.__version__}
    return {"bundle": bundle.digest, "python": platform.python_version(), **packages, "pandas": pd.__version__}
