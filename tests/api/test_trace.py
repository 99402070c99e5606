"""One command is one trace, from the person's request to the start of the container."""

from pathlib import Path

from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from orb import telemetry
from orb.v1 import control_pb2 as pb
from orb.v1 import types_pb2
from orb.wire import to_message
from tests.factories import a_service_spec, an_app_spec
from tests.serving import Agent, Serving, serve, until

PARENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


def test_a_trace_goes_from_apply_to_the_start_of_the_container(tmp_path: Path) -> None:
    spans = InMemorySpanExporter()
    running = telemetry.start_with(
        "orb-server", "s1", SimpleSpanProcessor(spans), InMemoryMetricReader()
    )

    async def story(served: Serving) -> str:
        agent = Agent(served)
        await agent.connect()
        await until(lambda: "n1" in served.state.nodes)
        spec = to_message(an_app_spec(a_service_spec(replicas=1)), types_pb2.AppSpec)
        await served.control().Apply(
            pb.ApplyRequest(spec=spec), metadata=(("traceparent", PARENT),), timeout=10
        )
        trace = ""
        while not trace:
            for assignment in (await agent.assignments()).set:
                trace = assignment.trace
        await agent.run_all()
        await until(lambda: all(task.ready for task in served.state.tasks.values()))
        return trace

    try:
        trace = serve(tmp_path, story)
    finally:
        running.close()
    found = {span.name: span for span in spans.get_finished_spans()}
    assert {"ApplyApp", "start of a task"} <= set(found)
    assert {format(span.context.trace_id, "032x") for span in found.values()} == {PARENT[3:35]}
    assert trace[3:35] == PARENT[3:35]
    started = found["start of a task"]
    assert started.parent is not None
    assert started.parent.span_id == found["ApplyApp"].context.span_id
