"""People talk to a real server over mutual TLS on loopback."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from orb.container import Security
from orb.spec import AppSpec, ContainerSpec, TaskSpec
from orb.v1 import control_pb2 as pb
from orb.v1 import types_pb2
from orb.wire import to_message
from tests.factories import a_service_spec, an_app_spec
from tests.serving import Agent, Serving, serve, until


def apply_request(spec: AppSpec | None = None, **fields: Any) -> pb.ApplyRequest:
    spec = spec or an_app_spec(a_service_spec(replicas=2))
    return pb.ApplyRequest(spec=to_message(spec, types_pb2.AppSpec), **fields)


def told(error: grpc.aio.AioRpcError) -> tuple[str, str, str]:
    """The kind, the message and the remedy."""
    metadata = dict(error.trailing_metadata() or ())
    remedy = metadata.get("orb-remedy-bin", b"")
    return (
        str(metadata.get("orb-error", error.code().name)),
        error.details() or "",
        remedy.decode() if isinstance(remedy, bytes) else remedy,
    )


def test_an_app_is_applied_once_and_its_release_has_an_author(tmp_path: Path) -> None:
    async def story(served: Serving) -> tuple[pb.ApplyReply, pb.ApplyReply, Any]:
        control = served.control("user:ann")
        first = await control.Apply(apply_request(reason="because"), timeout=10)
        again = await control.Apply(apply_request(), timeout=10)
        found = await control.Get(pb.GetRequest(kind=pb.KIND_RELEASES), timeout=10)
        return first, again, found.releases[0]

    first, again, release = serve(tmp_path, story)
    assert first == pb.ApplyReply(
        app="shop", release=1, changed=True, changes=["web: added, 2 x app:v1"]
    )
    assert (again.release, again.changed) == (1, False)
    assert (release.author, release.reason, release.current) == ("user:ann", "because", True)


def test_a_retry_of_a_numbered_request_gets_the_first_answer(tmp_path: Path) -> None:
    async def story(served: Serving) -> list[pb.ApplyReply]:
        control = served.control()
        request = apply_request(client="c1", sequence=1)
        return [await control.Apply(request, timeout=10) for _ in range(2)]

    first, retry = serve(tmp_path, story)
    assert first == retry
    assert retry.changed


def test_scale_delete_and_the_verbs_on_nodes(tmp_path: Path) -> None:
    async def story(served: Serving) -> list[Any]:
        control = served.control()
        await Agent(served).connect()
        await until(lambda: "n1" in served.state.nodes)
        await control.Apply(apply_request(), timeout=10)
        key = types_pb2.ServiceKey(app="shop", service="web")
        scaled = await control.Scale(pb.ScaleRequest(service=key, replicas=5), timeout=10)
        cordon = pb.SetAvailabilityRequest(node="n1", availability=pb.AVAILABILITY_CORDONED)
        changes = [await control.SetAvailability(cordon, timeout=10) for _ in range(2)]
        labels = pb.SetLabelsRequest(node="n1", labels={"rack": "7"})
        labelled = await control.SetLabels(labels, timeout=10)
        deleted = await control.Delete(
            pb.DeleteRequest(app=types_pb2.AppKey(app="shop")), timeout=10
        )
        found = await control.Get(pb.GetRequest(kind=pb.KIND_NODES), timeout=10)
        return [
            (scaled.release, list(scaled.changes)),
            [one.changed for one in changes],
            labelled.changed,
            deleted.tasks >= 0,
            (found.nodes[0].availability, dict(found.nodes[0].labels)),
            not served.state.apps,
        ]

    assert serve(tmp_path, story) == [
        (2, ["web: replicas 2 -> 5"]),
        [True, False],
        True,
        True,
        ("cordoned", {"rack": "7"}),
        True,
    ]


@pytest.mark.parametrize(
    ("method", "request_", "kind", "message"),
    [
        ("Apply", pb.ApplyRequest(), "InvalidInput", "`spec` is missing"),
        (
            "Apply",
            apply_request(environment="Prod!"),
            "InvalidInput",
            "the environment: 'Prod!' is not a name",
        ),
        (
            "Apply",
            apply_request(an_app_spec(a_service_spec(name="-web"))),
            "InvalidInput",
            "services.-web",
        ),
        ("Apply", apply_request(expected_release=7), "Conflict", ""),
        ("Apply", apply_request(reason="x" * 2_000), "InvalidInput", "the reason is longer"),
        ("Apply", apply_request(client="x" * 65), "InvalidInput", "`client` is longer"),
        ("Apply", apply_request(client="x", sequence=-1), "InvalidInput", "`sequence` is out"),
        (
            "Apply",
            pb.ApplyRequest(spec=types_pb2.AppSpec(name="a", services=[types_pb2.ServiceSpec()])),
            "InvalidInput",
            "spec.services[0].task is missing",
        ),
        ("Scale", pb.ScaleRequest(replicas=-1), "InvalidInput", "a service has 0 to 20000"),
        (
            "Scale",
            pb.ScaleRequest(service=types_pb2.ServiceKey(app="shop", service="web"), replicas=1),
            "NotFound",
            "",
        ),
        ("Delete", pb.DeleteRequest(app=types_pb2.AppKey(app="shop")), "NotFound", ""),
        ("SetAvailability", pb.SetAvailabilityRequest(node="n1"), "InvalidInput", "`availability`"),
        (
            "SetAvailability",
            pb.SetAvailabilityRequest(node="n9", availability=pb.AVAILABILITY_ACTIVE),
            "NotFound",
            "there is no node n9",
        ),
        ("SetLabels", pb.SetLabelsRequest(node="n1", labels={"": "x"}), "InvalidInput", "a label"),
        (
            "SetLabels",
            pb.SetLabelsRequest(node="n1", labels={"a b": "c"}),
            "InvalidInput",
            "'a b' cannot be the key of a label",
        ),
        (
            "SetLabels",
            pb.SetLabelsRequest(node="n1", labels={"x": "y" * 300}),
            "InvalidInput",
            "it has at most 253 characters",
        ),
        ("RemoveNode", pb.RemoveNodeRequest(node="n9"), "NotFound", "there is no node n9"),
        ("Get", pb.GetRequest(), "InvalidInput", "`kind` is none of status, nodes,"),
        (
            "Get",
            pb.GetRequest(kind=pb.KIND_EVENTS, limit=-1),
            "InvalidInput",
            "`after` and `limit`",
        ),
        ("Get", pb.GetRequest(kind=pb.KIND_REPLICAS, name="x"), "InvalidInput", "names no replica"),
        ("Describe", pb.DescribeRequest(name="web"), "NotFound", "there is no service, replica"),
    ],
)
def test_bad_input_is_refused_with_its_kind(
    tmp_path: Path, method: str, request_: Any, kind: str, message: str
) -> None:
    async def story(served: Serving) -> tuple[str, str, str]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await getattr(served.control(), method)(request_, timeout=10)
        return told(caught.value)

    found_kind, found_message, _ = serve(tmp_path, story)
    assert found_kind == kind
    assert message in found_message


def test_a_message_over_the_limit_is_refused_clearly(tmp_path: Path) -> None:
    async def story(served: Serving) -> tuple[grpc.StatusCode, str]:
        huge = apply_request(reason="x" * (5 * 1024 * 1024))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await served.control().Apply(huge, timeout=10)
        return caught.value.code(), caught.value.details() or ""

    code, details = serve(tmp_path, story)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "larger than max" in details


@pytest.mark.parametrize(
    ("method", "kind", "identity"),
    [
        ("Control/Apply", "unary_unary", "user:admin"),
        ("Control/Watch", "unary_stream", "user:admin"),
        ("Control/Exec", "stream_stream", "user:admin"),
        ("Agents/Session", "stream_stream", "node:n1"),
        ("Agents/Nothing", "unary_unary", "node:n1"),
    ],
)
def test_a_damaged_message_is_refused_in_words(
    tmp_path: Path, method: str, kind: str, identity: str
) -> None:
    path = f"/orb.v1.{method}"

    async def story(served: Serving) -> tuple[grpc.StatusCode, str]:
        damaged: Any = b"\xff\xff\xff"
        if kind.startswith("stream"):
            damaged = iter([damaged])
        call = getattr(served.channel(identity), kind)(path)(damaged, timeout=10)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await (call.read() if kind.endswith("stream") else call)
        return caught.value.code(), caught.value.details() or ""

    assert serve(tmp_path, story) == (
        (grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        if method == "Agents/Nothing"
        else (
            grpc.StatusCode.INVALID_ARGUMENT,
            f"a message to {path} cannot be read: it is damaged, or of another protocol",
        )
    )


def test_an_agent_may_ask_for_nothing_here(tmp_path: Path) -> None:
    async def story(served: Serving) -> tuple[str, str, str]:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await served.control("node:n1").Get(pb.GetRequest(kind=pb.KIND_STATUS), timeout=10)
        return told(caught.value)

    assert serve(tmp_path, story) == (
        "Denied",
        "node:n1 may not read here: agents talk to the service of the agents",
        "use a certificate of the kind `user:<name>`",
    )


def test_a_watch_answers_at_once_and_again_after_a_change(tmp_path: Path) -> None:
    async def story(served: Serving) -> list[list[str]]:
        control = served.control()
        call = control.Watch(pb.GetRequest(kind=pb.KIND_SERVICES))
        seen = [await call.read()]
        await control.Apply(apply_request(), timeout=10)
        seen.append(await asyncio.wait_for(call.read(), 10))
        call.cancel()
        await until(lambda: not served.server._reading._watching)
        return [[view.name for view in reply.services] for reply in seen]

    assert serve(tmp_path, story) == [[], ["web"]]


def test_the_digest_of_the_state_can_be_asked_for(tmp_path: Path) -> None:
    async def story(served: Serving) -> list[str]:
        control = served.control()
        found = []
        for request in (None, apply_request()):
            if request is not None:
                await control.Apply(request, timeout=10)
            call = control.Get(
                pb.GetRequest(kind=pb.KIND_STATUS, stale=True),
                metadata=(("orb-debug", "digest"),),
                timeout=10,
            )
            await call
            found.append(dict(await call.trailing_metadata())["orb-digest"])
        return found

    before, after = serve(tmp_path, story)
    assert before != after
    assert int(before.split()[0]) < int(after.split()[0])
    assert len(after.split()[1]) == 64


def test_a_description_brings_everything(tmp_path: Path) -> None:
    async def story(served: Serving) -> pb.DescribeReply:
        control = served.control()
        await control.Apply(apply_request(), timeout=10)
        await until(lambda: bool(served.state.tasks))
        reply: pb.DescribeReply = await control.Describe(
            pb.DescribeRequest(environment="default", name="web"), timeout=10
        )
        return reply

    reply = serve(tmp_path, story)
    assert (reply.kind, reply.spec.services[0].name, len(reply.events) > 0) == (
        "service",
        "web",
        True,
    )


def test_logs_of_an_app_without_tasks_are_empty_and_of_a_node_an_error(tmp_path: Path) -> None:
    async def story(served: Serving) -> tuple[list[Any], tuple[str, str, str]]:
        control = served.control()
        await control.Apply(apply_request(), timeout=10)
        await Agent(served).connect()
        await until(lambda: "n1" in served.state.nodes)
        lines = [line async for line in control.Logs(pb.LogsRequest(name="shop"))]
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await control.Logs(pb.LogsRequest(name="n1")).read()
        return lines, told(caught.value)

    lines, error = serve(tmp_path, story)
    assert lines == [] or all(line.stream == "orb" for line in lines)
    assert error == ("InvalidInput", "n1 is a node", "name a service, a replica or an app")


def test_a_command_needs_a_task_that_runs(tmp_path: Path) -> None:
    async def story(served: Serving) -> tuple[str, str, str]:
        control = served.control()
        await control.Apply(apply_request(), timeout=10)
        await until(lambda: bool(served.state.tasks))
        call = control.Exec()
        start = pb.ExecStart(name="web/1", command=["ls"])
        await call.write(pb.ExecInput(start=start))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call.read()
        return told(caught.value)

    kind, message, remedy = serve(tmp_path, story)
    assert kind == "Conflict"
    assert message.startswith("web/1 does not run: it is pending")
    assert remedy == "`orbctl describe web/1` tells more"


def test_an_environment_must_allow_what_reaches_its_nodes(tmp_path: Path) -> None:
    security = Security(privileged=True, cap_add=("SYS_ADMIN",))
    container = ContainerSpec(image="app:v1", security=security)
    service = a_service_spec(task=TaskSpec(container=container))

    async def story(served: Serving) -> list[Any]:
        control = served.control("user:ann")
        request = apply_request(an_app_spec(service), environment="prod")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await control.Apply(request, timeout=10)
        allow = pb.SetTrustRequest(environment="prod", allow=["privileged", "capabilities"])
        allowed = await control.SetTrust(allow, timeout=10)
        applied = await control.Apply(request, timeout=10)
        elsewhere = await control.Apply(apply_request(an_app_spec(service)), timeout=10)
        found = await control.Get(pb.GetRequest(kind=pb.KIND_ENVIRONMENTS), timeout=10)
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await control.SetTrust(pb.SetTrustRequest(environment="prod", deny=["x"]), timeout=10)
        return [
            told(caught.value),
            (allowed.changed, list(allowed.allowed)),
            (applied.release, elsewhere.release),
            [
                (view.name, view.apps, view.services, len(view.allowed))
                for view in found.environments
            ],
            told(unknown.value)[:2],
        ]

    assert serve(tmp_path, story) == [
        (
            "Conflict",
            (
                "the environment prod does not allow what shop asks for: web: `privileged` needs "
                "privileged; web: `cap_add SYS_ADMIN` needs capabilities"
            ),
            "take it out, or allow it: `orbctl env allow prod capabilities privileged`",
        ),
        (True, ["capabilities", "privileged"]),
        (1, 1),
        [("default", 1, 1, 7), ("prod", 1, 1, 2)],
        (
            "InvalidInput",
            (
                "'x' is none of capabilities, devices, engine-socket, host-namespaces, "
                "host-network, privileged, unconfined"
            ),
        ),
    ]
