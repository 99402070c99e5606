"""The one door to OpenTelemetry: traces and metrics, sent to a collector if one is configured.

Without one, nothing of OpenTelemetry is imported and every call here is next to free. A trace
follows one command from `apply` to the start of its containers: it travels as a W3C traceparent
in the entry, the tasks and the assignments.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Protocol

from orb.errors import InvalidInput

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.metrics import CallbackOptions, Meter, Observation
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import Tracer

SPANS_WAITING_MAX: Final = 4_096
"""Spans that wait for the collector; more are dropped."""
EXPORT_TIMEOUT_S: Final = 5
"""How long one try to reach the collector may take, in seconds."""
METRICS_EVERY_MS: Final = 10_000
SHUTDOWN_S_MAX: Final = 1.0
"""How long the end of a program waits for what is not sent yet; the rest is dropped."""

Attributes = Mapping[str, str | int | float | bool]
Reading = Callable[[], Iterable[tuple[float, Attributes]]]
"""What a gauge shows just now: a value for each set of attributes. It is called on a thread."""

_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


class Span(Protocol):
    """A piece of work that takes time."""

    @property
    def traceparent(self) -> str:
        """What makes other work a part of this; empty if nothing is traced."""
        ...

    def set(self, **attributes: str | float | bool) -> None:
        """Say more about it."""
        ...


@contextmanager
def span(name: str, parent: str = "", **attributes: str | float | bool) -> Iterator[Span]:
    """Trace the work in the block, as a part of the work that the traceparent *parent* names.

    An exception that leaves the block marks the span as failed.
    """
    tracer = _STATE.tracer
    if tracer is None:
        yield _Untraced(parent)
        return
    with tracer.start_as_current_span(
        name, context=_context(parent), attributes=dict(attributes)
    ) as started:
        yield _Traced(started)


def record_span(
    name: str, parent: str, start_ms: int, end_ms: int, **attributes: str | float | bool
) -> None:
    """Trace work that is already over: from *start_ms* to *end_ms*, since the epoch."""
    tracer = _STATE.tracer
    if tracer is None or not parent:
        return
    started = tracer.start_span(
        name,
        context=_context(parent),
        attributes=dict(attributes),
        start_time=start_ms * 1_000_000,
    )
    started.end(end_time=end_ms * 1_000_000)


class Counter:
    """Counts how often something happened."""

    def __init__(self, name: str, unit: str, description: str) -> None:
        self._add: Callable[[float, Attributes], None] | None = None
        _STATE.declare(lambda meter: self._bind(meter, name, unit, description))

    def add(self, amount: float = 1, **attributes: str | float | bool) -> None:
        """Count *amount* more."""
        if self._add is not None:
            self._add(amount, attributes)

    def _bind(self, meter: "Meter", name: str, unit: str, description: str) -> None:
        self._add = meter.create_counter(name, unit=unit, description=description).add


class Histogram:
    """Collects how large something was, or how long it took; *bounds* part the buckets."""

    def __init__(self, name: str, unit: str, description: str, bounds: Sequence[float]) -> None:
        self._record: Callable[[float, Attributes], None] | None = None
        _STATE.declare(lambda meter: self._bind(meter, (name, unit, description), bounds))

    def record(self, value: float, **attributes: str | float | bool) -> None:
        """Take in one value."""
        if self._record is not None:
            self._record(value, attributes)

    def _bind(self, meter: "Meter", words: tuple[str, str, str], bounds: Sequence[float]) -> None:
        name, unit, description = words
        self._record = meter.create_histogram(
            name,
            unit=unit,
            description=description,
            explicit_bucket_boundaries_advisory=list(bounds),
        ).record


def gauge(name: str, unit: str, description: str, reading: Reading) -> None:
    """Show what *reading* says, whenever metrics are sent."""

    def bind(meter: "Meter") -> None:
        def observe(_options: "CallbackOptions") -> "Iterable[Observation]":
            from opentelemetry.metrics import Observation

            return [Observation(value, attributes) for value, attributes in reading()]

        meter.create_observable_gauge(name, [observe], unit=unit, description=description)

    _STATE.declare(bind)


SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Bounds for lengths of time in seconds."""


def start(service: str, instance: str, endpoint: str) -> "Telemetry":
    """Send traces and metrics of *instance* (`s1`) of *service* (`orb-server`) to *endpoint*.

    With an empty *endpoint* nothing is made. Raises InvalidInput where the exporter is missing.
    """
    if not endpoint:
        return Telemetry(None, None)
    try:
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise InvalidInput(
            "`otlp-endpoint` is set, but the OTLP exporter is not installed",
            remedy="install `orb[otlp]`, or leave the option out",
        ) from error
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    insecure = not endpoint.startswith("https://")
    spans = OTLPSpanExporter(endpoint=endpoint, insecure=insecure, timeout=EXPORT_TIMEOUT_S)
    metrics = OTLPMetricExporter(endpoint=endpoint, insecure=insecure, timeout=EXPORT_TIMEOUT_S)
    processor = BatchSpanProcessor(spans, max_queue_size=SPANS_WAITING_MAX)
    reader = PeriodicExportingMetricReader(metrics, export_interval_millis=METRICS_EVERY_MS)
    return start_with(service, instance, processor, reader)


def start_with(
    service: str, instance: str, processor: "SpanProcessor", reader: "MetricReader"
) -> "Telemetry":
    """Give traces and metrics to exporters of the caller's choice: tests keep them in memory."""
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider

    resource = Resource({"service.name": service, "service.instance.id": instance})
    tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracers.add_span_processor(processor)
    meters = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
    _STATE.tracer = tracers.get_tracer("orb")
    _STATE.attach(meters.get_meter("orb"))
    return Telemetry(tracers, meters)


class Telemetry:
    """What must be ended with the program."""

    def __init__(self, tracers: "TracerProvider | None", meters: "MeterProvider | None") -> None:
        self._tracers = tracers
        self._meters = meters

    def close(self) -> None:
        """Send what is left, but do not wait long for a collector that does not answer."""
        _STATE.tracer = None
        ending = threading.Thread(target=self._shut_down, name="telemetry-end", daemon=True)
        ending.start()
        ending.join(SHUTDOWN_S_MAX)

    def _shut_down(self) -> None:
        if self._tracers is not None:
            self._tracers.shutdown()
        if self._meters is not None:
            self._meters.shutdown()


class _State:
    """What this process measures, and where it goes: there is one of each."""

    def __init__(self) -> None:
        self.tracer: Tracer | None = None
        self._meter: Meter | None = None
        self._instruments: list[Callable[[Meter], None]] = []

    def declare(self, bind: "Callable[[Meter], None]") -> None:
        """Bind an instrument now, or as soon as there is a meter."""
        self._instruments.append(bind)
        if self._meter is not None:
            bind(self._meter)

    def attach(self, meter: "Meter") -> None:
        """From now on measure with *meter*."""
        self._meter = meter
        for bind in self._instruments:
            bind(meter)


_STATE: Final = _State()


class _Untraced:
    """Work that nobody follows; it hands its parent on."""

    def __init__(self, parent: str) -> None:
        self.traceparent = parent

    def set(self, **attributes: str | float | bool) -> None:
        """Nobody listens."""


class _Traced:
    def __init__(self, started: "OtelSpan") -> None:
        self._started = started

    @property
    def traceparent(self) -> str:
        context = self._started.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"

    def set(self, **attributes: str | float | bool) -> None:
        self._started.set_attributes(attributes)


def _context(parent: str) -> "Context | None":
    """The context of a traceparent; None for none, or one that is malformed."""
    match = _TRACEPARENT.fullmatch(parent)
    if match is None:
        return None
    from opentelemetry.trace import (
        NonRecordingSpan,
        SpanContext,
        TraceFlags,
        set_span_in_context,
    )

    return set_span_in_context(
        NonRecordingSpan(
            SpanContext(
                int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=TraceFlags(1)
            )
        )
    )
