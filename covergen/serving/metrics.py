"""What the service counts, for Prometheus.

The board sees everything that happens, on whatever replica, so it holds the one set of figures. Names:
https://prometheus.io/docs/practices/naming/
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120, 300)
_FILL = (0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1)


class Metrics:
    """All figures of the service. Labels have few values: codes and outcomes, never ids or words."""

    def __init__(self) -> None:
        self.registry = of = CollectorRegistry()
        self.requests = Counter("covergen_requests", "Requests by how they ended", ["outcome"], registry=of)
        self.covers = Counter("covergen_covers", "Covers that were painted", registry=of)
        self.refused = Counter("covergen_refused", "Requests not taken, by code", ["code"], registry=of)
        self.rejected = Counter("covergen_rejected", "Requests that failed, by code", ["code"], registry=of)
        self.retries = Counter("covergen_retries", "Covers begun again: a painter was lost", registry=of)
        self.waiting = Gauge("covergen_covers_waiting", "Covers that wait", registry=of)
        self.painting = Gauge("covergen_covers_painting", "Covers that are being painted", registry=of)
        self.paint = Histogram(
            "covergen_paint_seconds", "Seconds a cover was painted for, its share of the batches",
            buckets=_SECONDS, registry=of,
        )  # fmt: skip
        self.request = Histogram(
            "covergen_request_seconds", "Seconds from a request to its end", buckets=_SECONDS, registry=of
        )
        self.listen = Histogram(
            "covergen_listen_seconds", "Seconds to hear a song", buckets=_SECONDS, registry=of
        )
        self.fill = Histogram(
            "covergen_batch_fill_ratio", "Places of a painter's batch that were taken, at each cover's end",
            buckets=_FILL, registry=of,
        )  # fmt: skip

    def text(self) -> bytes:
        """Return the figures as Prometheus reads them."""
        return generate_latest(self.registry)
