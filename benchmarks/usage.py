"""What a process has used: processor time, which a busy machine does not change much, and peak memory."""

from __future__ import annotations

import resource
import sys


def seconds_used() -> float:
    """Processor seconds of this process, and of its children that have ended."""
    parts = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in parts)


def peak_mib() -> float:
    """Highest resident memory of this process so far, in MiB."""
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes on macOS, kilobytes on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
