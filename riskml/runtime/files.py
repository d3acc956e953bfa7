"""Writing files so that an interrupted run leaves the old result whole."""

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
