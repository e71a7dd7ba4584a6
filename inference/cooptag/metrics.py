"""What the server counts, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector


class Metrics:
    """What `/metrics` shows, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        here = self.registry
        self.requests = Counter("cooptag_requests", "Answers by route and status", ["route", "status"], registry=here)
        self.errors = Counter("cooptag_errors", "Answers that were no success, by reason", ["error_type"], registry=here)
        self.seconds = Histogram(
            "cooptag_request_seconds", "From a request's head to the end of its answer", ["route"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30), registry=here,
        )  # fmt: skip
        self.sentences = Counter("cooptag_sentences", "Sentences tagged", registry=here)
        self.batch_sentences = Histogram("cooptag_batch_sentences", "Sentences in a batch", buckets=(1, 4, 16, 64, 256), registry=here)
        self.batch_seconds = Histogram("cooptag_batch_seconds", "Time of a batch", buckets=(0.01, 0.1, 0.25, 0.5, 1, 2.5), registry=here)
        self.queue_bytes = Gauge("cooptag_queue_bytes", "Work admitted and not done, in bytes of text", registry=here)
        self.under_way = Gauge("cooptag_requests_under_way", "Requests with a body that are not answered yet", registry=here)
        self.ready = Gauge("cooptag_ready", "1 while /readyz says yes", registry=here)

    def batch(self, sentences: int, _: int, seconds: float) -> None:
        """Counts a batch."""
        self.sentences.inc(sentences)
        self.batch_sentences.observe(sentences)
        self.batch_seconds.observe(seconds)
