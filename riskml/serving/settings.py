"""The limits of the service, in one frozen record."""

from __future__ import annotations

from riskml.record import Record


class Settings(Record):
    """What one process of the service allows.

    Attributes
    ----------
    max_bytes, max_many_bytes : int
        Largest body with one patient, and with many.
    max_patients : int
        Patients in one request.
    max_months : int
        Months that ``at`` may hold.
    body_seconds : float
        Time in which a body must have arrived.
    predict_seconds, many_seconds : float
        Time for the answer about one patient, and about all patients of a request.
    rate : float
        Requests a second that one client may make, in the long run; 0 for no limit.
    burst : int
        Requests that a client who was quiet may make at once.
    concurrent : int
        Requests that may be in work at the same time.
    threads : int
        Threads that predict. Python runs one at a time; the second keeps a slow prediction from holding up a fast one.
    key_digests : tuple of bytes
        SHA-256 of each API key that is accepted; none: no key is asked for.
    hosts : tuple of str
        Names under which the service answers (the ``Host`` header); none: under any.
    """

    max_bytes: int = 1_000_000
    max_many_bytes: int = 4_000_000
    max_patients: int = 1_000
    max_months: int = 60
    body_seconds: float = 10.0
    predict_seconds: float = 5.0
    many_seconds: float = 60.0
    rate: float = 100.0
    burst: int = 200
    concurrent: int = 64
    threads: int = 2
    key_digests: tuple[bytes, ...] = ()
    hosts: tuple[str, ...] = ()
