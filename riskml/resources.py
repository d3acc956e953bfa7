"""Where the two data folders a clinician reviews are: inside the installed package, or beside it in a checkout."""

from __future__ import annotations

import os

from riskml.errors import RiskmlError

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

# Not importlib.resources: it loads tempfile and its train, milliseconds that a single prediction need not spend.
PACKAGE = os.path.dirname(os.path.realpath(__file__))  # noqa: PTH120 - pathlib costs every start milliseconds


def folder(name: Literal["features", "models"]) -> Path:
    """Return the folder ``features`` or ``models``, in a wheel, an editable install and a checkout alike.

    Parameters
    ----------
    name : {"features", "models"}
        Which of the two.

    Returns
    -------
    Path
        The folder inside the installed package, else the one beside the package in a checkout.

    Raises
    ------
    RiskmlError
        If neither exists: the installation lost its data.
    """
    from pathlib import Path  # noqa: PLC0415 - predicting from a bundle never gets here

    package = Path(PACKAGE)
    installed, checkout = package / "_data" / name, package.parent / name
    if installed.is_dir():
        return installed
    # Beside an installed package lies all of site-packages, where a folder called "models" may be anybody's.
    if checkout.is_dir() and (package.parent / "pyproject.toml").is_file():
        return checkout
    raise RiskmlError(
        f"riskml has lost its data folder '{name}' (looked for {installed} and {checkout}): reinstall riskml"
    )
