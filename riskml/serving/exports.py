"""A bundle in the forms of other tools: a joblib file, an MLflow model. Each says how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from riskml.errors import UsageError
from riskml.runtime.bundle import Bundle
from riskml.runtime.card_words import RESEARCH, SYNTHETIC
from riskml.runtime.files import whole_file, write_whole
from riskml.serving.estimator import as_estimator, versions

_JOBLIB = """TRUST: READ THIS BEFORE YOU LOAD {name}

A joblib file is a pickle: loading it runs whatever code its writer put there, with all your rights.
Load it only if you made it yourself or trust who made it, and only if its SHA-256 is

    {digest}

Nothing verifies the model inside when it is loaded. The bundle it was made from can run no code and is verified each
time it is opened: prefer it wherever riskml is installed (riskml.open_bundle).

It needs the versions it was written with; others may fail, or give other numbers without a word:
{versions}

{warning}
"""


def joblib_file(bundle: Bundle, out: str) -> Path:
    """Write the bundle as a fitted estimator (``riskml.serving.estimator``), and ``<out>.TRUST.txt`` beside it.

    Raises
    ------
    UsageError
        If the files cannot be written, or the model has competing causes.
    """
    import joblib  # noqa: PLC0415 - the other forms do without

    estimator = as_estimator(bundle).fit()
    estimator.exported_ = dict(versions(bundle))
    with whole_file(out) as partial:
        joblib.dump(estimator, partial)
        digest = sha256(partial.read_bytes()).hexdigest()
        # First the warning: a file without it should never stand there.
        write_whole(f"{out}.TRUST.txt", trust(bundle, Path(out).name, digest, estimator.exported_))
    return Path(out)


def trust(bundle: Bundle, name: str, digest: str, made_with: Mapping[str, str]) -> str:
    """What must be known before a joblib file is loaded."""
    lines = "\n".join(f"    {package} {version}" for package, version in made_with.items())
    warning = "\n".join([*([SYNTHETIC] if bundle.manifest["synthetic"] else []), RESEARCH])
    return _JOBLIB.format(name=name, digest=digest, versions=lines, warning=warning)


def mlflow_model(bundle: Bundle, out: str) -> Path:
    """Write the bundle as an MLflow model of flavour ``python_function``, with a signature; the bundle is an artifact.

    Raises
    ------
    UsageError
        If ``out`` is there already.
    """
    from riskml.serving.mlflow_model import save  # noqa: PLC0415 - an extra

    if Path(out).exists():
        raise UsageError(f"{out} is there already: MLflow writes a new folder")
    return save(bundle, Path(out))
