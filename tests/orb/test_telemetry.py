"""Traces and metrics: free when nobody listens, one trace a command when somebody does."""

import subprocess
import sys
import time

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orb import telemetry

PARENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


def test_without_a_collector_nothing_of_opentelemetry_is_imported() -> None:
    code = (
        "import sys; from orb import telemetry;"
        "c = telemetry.Counter('a', '1', ''); t = telemetry.start('s', 'i', '');\n"
        f"with telemetry.span('x', '{PARENT}') as s: c.add(); assert s.traceparent == '{PARENT}'\n"
        "t.close(); print([m for m in sys.modules if 'opentelemetry' in m or m == 'grpc'])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout == "[]\n"


def test_a_span_belongs_to_its_parent_and_hands_itself_on() -> None:
    spans = InMemorySpanExporter()
    running = telemetry.start_with(
        "orb-test", "t1", SimpleSpanProcessor(spans), InMemoryMetricReader()
    )
    try:
        with telemetry.span("apply", PARENT, app="shop") as outer:
            outer.set(release=3)
            with telemetry.span("inner", outer.traceparent):
                pass
        telemetry.record_span("start", outer.traceparent, 1_000, 3_500, replica="web/1")
        telemetry.record_span("nothing", "", 1_000, 2_000)
        telemetry.record_span("malformed parent", "xx", 1_000, 2_000)
    finally:
        running.close()
    found = {span.name: span for span in spans.get_finished_spans()}
    trace = int(PARENT[3:35], 16)
    apply, inner, start = found["apply"], found["inner"], found["start"]
    assert {span.context.trace_id for span in (apply, inner, start)} == {trace}
    assert apply.parent is not None
    assert apply.parent.span_id == int(PARENT[36:52], 16)
    assert {inner.parent.span_id, start.parent.span_id} == {apply.context.span_id}  # type: ignore[union-attr]
    assert dict(apply.attributes or {}) == {"app": "shop", "release": 3}
    assert (start.end_time or 0) - (start.start_time or 0) == 2_500_000_000
    assert "nothing" not in found


def test_metrics_are_counted_once_somebody_listens() -> None:
    early = telemetry.Counter("orb.test.early", "1", "made before")
    reader = InMemoryMetricReader()
    running = telemetry.start_with("t", "t1", SimpleSpanProcessor(InMemorySpanExporter()), reader)
    late = telemetry.Histogram("orb.test.late", "s", "made after", (1, 2))
    telemetry.gauge("orb.test.gauge", "1", "read when asked", lambda: [(7, {"node": "n1"})])
    early.add(2, kind="a")
    early.add()
    late.record(1.5)
    data = reader.get_metrics_data()
    running.close()
    assert data is not None
    found = {
        metric.name: metric.data
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert sorted(point.value for point in found["orb.test.early"].data_points) == [1, 2]  # type: ignore[union-attr]
    (histogram,) = found["orb.test.late"].data_points
    assert list(histogram.bucket_counts) == [0, 1, 0]  # type: ignore[union-attr]
    assert [point.value for point in found["orb.test.gauge"].data_points] == [7]  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_dead_collector_delays_no_end_and_floods_no_log() -> None:
    code = (
        "from orb import logs, telemetry; import time;"
        "logs.configure(logs.LogLevel.INFO, logs.LogFormat.TEXT);"
        "t = telemetry.start('s', 'i', 'http://127.0.0.1:1');\n"
        f"for n in range(2000):\n  with telemetry.span('x', '{PARENT}'): pass\n"
        "time.sleep(8); began = time.monotonic(); t.close();"
        "print(round(time.monotonic() - began, 1))"
    )
    began = time.monotonic()
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert float(found.stdout) <= 1.5
    assert time.monotonic() - began < 20
    assert len(found.stderr.splitlines()) <= 5
