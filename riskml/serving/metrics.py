"""What the service counts, for Prometheus: no label ever holds anything a caller made up.

Routes are templates, models are those that are served, methods and statuses come from closed lists.
"""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from riskml.serving.models import Models

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

MEDIA_TYPE = CONTENT_TYPE_LATEST
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})
# The budget is 5 ms in the middle and 25 ms in the tail.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class _ServedModels(Collector):
    """The models of the moment, read when asked: a reload needs to tell nobody."""

    def __init__(self, models: Models) -> None:
        self._models = models

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = self._models.current
        info = GaugeMetricFamily(
            "riskml_model_info", "Models that are served.", labels=["model", "version", "digest", "stale"]
        )
        for name, one in now.served.items():
            info.add_metric([name, one.bundle.manifest["version"], one.bundle.digest, str(bool(one.stale)).lower()], 1)
        yield info
        yield GaugeMetricFamily("riskml_bundles_refused", "Bundles that were refused.", len(now.refused))
        yield GaugeMetricFamily("riskml_model_set", "Which set of models this process serves, from 1.", now.number)


class Metrics:
    """The counters of one service, in a registry of their own."""

    def __init__(self, models: Models) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "riskml_http_requests", "Requests.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "riskml_http_request_seconds", "Time to answer.", ["route"], buckets=_SECONDS, registry=self._registry
        )
        self.in_work = Gauge("riskml_http_requests_in_work", "Requests being answered.", registry=self._registry)
        self._predictions = Counter(
            "riskml_predictions", "Patients asked about.", ["model", "result"], registry=self._registry
        )
        self._feedback = Counter(
            "riskml_cds_feedback", "What users did with cards.", ["outcome"], registry=self._registry
        )
        self._reloads = Counter("riskml_reloads", "Reloads of the models.", ["result"], registry=self._registry)
        self._registry.register(_ServedModels(models))
        ProcessCollector(registry=self._registry)

    def count_request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One finished request."""
        self._requests.labels(method if method in _METHODS else "other", route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_predictions(self, model: str, *, given: int = 0, refused: int = 0) -> None:
        """Patients of one request who got an answer, and who did not."""
        for result, number in (("given", given), ("refused", refused)):
            if number:
                self._predictions.labels(model, result).inc(number)

    def count_reload(self, *, done: bool) -> None:
        """One reload, done or refused."""
        self._reloads.labels("done" if done else "refused").inc()

    def count_feedback(self, outcome: str, number: int) -> None:
        """Cards that were accepted or overridden, as a CDS client reports them."""
        self._feedback.labels(outcome).inc(number)

    def text(self) -> bytes:
        """All of it in the format of Prometheus."""
        return generate_latest(self._registry)
