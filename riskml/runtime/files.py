"""Writing files and folders so that an interrupted run leaves the old result whole."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from riskml.errors import UsageError

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from pathlib import Path


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary name in the same folder, moved into place when all went well; else nothing is left of it.

    Raises
    ------
    UsageError
        If the folder cannot be made or written.
    """
    from contextlib import suppress
    from pathlib import Path

    target = Path(path)
    if target.is_dir():
        raise UsageError(f"cannot write {str(path)!r}: it is a folder")
    # The process number keeps two writers apart; the last step is a rename within one folder, which is atomic.
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield partial
        partial.replace(target)
    except OSError as error:
        raise UsageError(f"cannot write {str(path)!r}: {error.strerror}") from None
    finally:
        with suppress(OSError):  # why it failed has been said
            partial.unlink(missing_ok=True)


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write ``content`` as :func:`whole_file` does, and return where.

    Raises
    ------
    UsageError
        If the folder cannot be made or written.
    """
    from pathlib import Path

    with whole_file(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(path)


def replace_folder(new: Path, target: Path) -> None:
    """Put the folder ``new`` in the place of ``target``; what was there is then called ``new``, or was not there.

    Where the system exchanges two names (Linux) that is one step: whoever looks finds one or the other, whole.
    Elsewhere it takes two renames, and who is stopped between them finds the old folder under the name ``new`` with
    ``.old`` behind it.
    """
    if not target.exists():
        new.rename(target)
    elif not _exchanged(new, target):
        old = new.with_name(f"{new.name}.old")
        target.rename(old)
        try:
            new.rename(target)
        except BaseException:
            old.rename(target)
            raise
        old.rename(new)


def _exchanged(one: Path, other: Path) -> bool:
    """Whether the names of two folders were exchanged: ``renameat2`` with ``RENAME_EXCHANGE`` (Linux 3.15)."""
    import ctypes  # who only reads bundles does without it

    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):  # another system or C library
        return False
    here, exchange = -100, 2
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0)
