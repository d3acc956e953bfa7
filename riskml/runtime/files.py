"""Writing files so that an interrupted run leaves the old result whole."""

from __future__ import annotations

import os

from riskml.errors import UsageError

TYPE_CHECKING = False  # see riskml.record
if TYPE_CHECKING:
    from pathlib import Path


def write_whole(path: str | Path, content: str | bytes) -> Path:
    """Write ``content`` under a temporary name in the same folder and move it into place.

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
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
        partial.replace(target)
    except OSError as error:
        raise UsageError(f"cannot write {str(path)!r}: {error.strerror}") from None
    finally:
        with suppress(OSError):  # why it failed has been said
            partial.unlink(missing_ok=True)
    return target
