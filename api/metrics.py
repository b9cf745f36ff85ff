"""What the service counts of itself, for Prometheus: routes, statuses, times, the pool; never who or what was asked.

Labels are route templates, methods and statuses only, so their number is bounded by the program, not by its clients.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"  # pages, and addresses that are not there
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Figures = Callable[[], Mapping[str, int]]


class Metrics:
    """The figures of one web process."""

    def __init__(self, pool: Figures) -> None:
        """pool: gives psycopg_pool's statistics."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "twin_http_requests", "Requests answered", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "twin_http_request_seconds",
            "Time to the end of an answer",
            ("method", "route"),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._of_route: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self.running = 0  # requests being answered; of the event loop's thread alone
        running = Gauge("twin_http_requests_running", "Requests being answered", registry=self._registry)
        running.set_function(lambda: self.running)
        self._cache = Counter(
            "twin_cache_answers", "Answers looked for in a cache", ("cache", "found"), registry=self._registry
        )
        self._of_cache: dict[tuple[str, bool], Counter] = {}
        self._jobs = Gauge("twin_jobs", "Jobs by state", ("state",), registry=self._registry)
        self._lag = Gauge("twin_database_answer_seconds", "Time of a small question", registry=self._registry)
        self._registry.register(_Pool(pool))

    def observe(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Count a request. route: its template, None where it has none. status: 0 when nobody was there any more."""
        key = (method if method in METHODS else "other", route or NO_ROUTE, status)
        kept = self._of_route.get(key)
        if kept is None:  # to find them by their labels takes longer than to count
            known, named, _ = key
            kept = self._requests.labels(known, named, str(status)), self._seconds.labels(known, named)
            self._of_route[key] = kept
        kept[0].inc()
        kept[1].observe(seconds)

    def looked_in_cache(self, cache: str, found: bool) -> None:
        """Count a look into a cache. cache: one of the program's own names, such as tiles."""
        kept = self._of_cache.get((cache, found))
        if kept is None:
            kept = self._of_cache[cache, found] = self._cache.labels(cache, "yes" if found else "no")
        kept.inc()

    def text(self, jobs: Mapping[str, int], answered_s: float | None) -> bytes:
        """Write everything in Prometheus' text format.

        jobs: how many by state. answered_s: how long the database took for it; None when it did not answer.
        """
        self._jobs.clear()
        for state, count in jobs.items():
            self._jobs.labels(state).set(count)
        self._lag.set(float("nan") if answered_s is None else answered_s)
        return generate_latest(self._registry)


class _Pool(Collector):
    """The pool's own statistics, read when somebody looks."""

    NOW = ("pool_min", "pool_max", "pool_size", "pool_available", "requests_waiting")

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        for name, value in sorted(self._figures().items()):
            kind = GaugeMetricFamily if name in self.NOW else CounterMetricFamily
            yield kind(f"twin_database_{name}", "psycopg_pool's statistic of this name", value=value)
