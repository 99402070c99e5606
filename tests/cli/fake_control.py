"""A Control service of tables that a test fills: real gRPC, real TLS, no cluster behind it."""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import grpc
from google.protobuf.message import Message

from cli.asking import View
from orb.cluster import (
    Amounts,
    EnvironmentView,
    EventView,
    FileView,
    LogLine,
    NodeView,
    PublishedView,
    ReleaseView,
    ReplicaView,
    ServerView,
    ServiceView,
    StatusView,
)
from orb.ids import Millis
from orb.tls import Credentials
from orb.v1 import control_pb2 as pb
from orb.v1 import types_pb2
from orb.v1.control_pb2_grpc import ControlServicer, add_ControlServicer_to_server
from orb.wire import to_message
from orb.work import BoundPort

GIB = 1024**3
NOW = Millis(1_700_000_000_000)
MESSAGES = {
    "status": types_pb2.StatusView,
    "nodes": types_pb2.NodeView,
    "services": types_pb2.ServiceView,
    "replicas": types_pb2.ReplicaView,
    "releases": types_pb2.ReleaseView,
    "events": types_pb2.EventView,
    "configs": types_pb2.FileView,
    "secrets": types_pb2.FileView,
    "environments": types_pb2.EnvironmentView,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """How the server answers one call instead of doing it."""

    code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE
    error: str = ""
    details: str = ""
    remedy: str = ""
    leader: str = ""


@dataclass(slots=True)
class FakeCluster:
    """What the service answers with. *steps* happen one after the other once all have looked."""

    status: StatusView = field(default_factory=lambda: a_status())  # noqa: PLW0108 - defined below
    nodes: list[NodeView] = field(default_factory=list)
    services: list[ServiceView] = field(default_factory=list)
    replicas: list[ReplicaView] = field(default_factory=list)
    releases: list[ReleaseView] = field(default_factory=list)
    events: list[EventView] = field(default_factory=list)
    configs: list[FileView] = field(default_factory=list)
    secrets: list[FileView] = field(default_factory=list)
    environments: list[EnvironmentView] = field(default_factory=list)
    lines: list[LogLine] = field(default_factory=list)
    description: pb.DescribeReply = field(default_factory=pb.DescribeReply)
    exec_replies: list[pb.ExecOutput] = field(default_factory=list)
    exec_inputs: list[pb.ExecInput] = field(default_factory=list)
    steps: deque[Callable[["FakeCluster"], None]] = field(default_factory=deque)
    refusals: deque[Refusal] = field(default_factory=deque)
    calls: list[tuple[str, Message]] = field(default_factory=list)
    changes: tuple[str, ...] = ("web: new, 3 replicas of app:v1",)
    changed: bool = True
    lock: threading.Condition = field(default_factory=threading.Condition)
    version: int = 0
    delivered: dict[str, int] = field(default_factory=dict)

    def asked(self, method: str) -> list[Message]:
        """The requests of one kind, in order."""
        return [request for name, request in self.calls if name == method]

    def step_when_seen(self, kind: str) -> None:
        """A watch has been told of the present: if all have, take the next step."""
        with self.lock:
            self.delivered[kind] = self.version
            kinds = {"releases", "services", "replicas"}
            seen = {name for name, at in self.delivered.items() if at == self.version}
            if self.steps and seen >= kinds:
                self.steps.popleft()(self)
                self.version += 1
                self.lock.notify_all()


class FakeControl(ControlServicer):
    """The service. Every call is noted, and refused while refusals are left."""

    def __init__(self, cluster: FakeCluster) -> None:
        self.cluster = cluster

    def Apply(self, request: pb.ApplyRequest, context: grpc.ServicerContext) -> pb.ApplyReply:  # noqa: N802 - named by the contract
        self._note("Apply", request, context)
        return self._applied(request.spec.name)

    def Scale(self, request: pb.ScaleRequest, context: grpc.ServicerContext) -> pb.ApplyReply:  # noqa: N802 - named by the contract
        self._note("Scale", request, context)
        return self._applied(request.service.app)

    def Delete(self, request: pb.DeleteRequest, context: grpc.ServicerContext) -> pb.DeleteReply:  # noqa: N802 - named by the contract
        self._note("Delete", request, context)
        return pb.DeleteReply(tasks=len(self.cluster.replicas))

    def SetSecret(  # noqa: N802 - named by the contract
        self, request: pb.SetSecretRequest, context: grpc.ServicerContext
    ) -> pb.SetSecretReply:
        self._note("SetSecret", request, context)
        return pb.SetSecretReply(changed=self.cluster.changed, changes=self.cluster.changes)

    def RemoveSecret(  # noqa: N802 - named by the contract
        self, request: pb.RemoveSecretRequest, context: grpc.ServicerContext
    ) -> pb.RemoveSecretReply:
        self._note("RemoveSecret", request, context)
        return pb.RemoveSecretReply()

    def AddServer(  # noqa: N802 - named by the contract
        self, request: pb.AddServerRequest, context: grpc.ServicerContext
    ) -> pb.AddServerReply:
        self._note("AddServer", request, context)
        return pb.AddServerReply(changed=self.cluster.changed)

    def PromoteServer(  # noqa: N802 - named by the contract
        self, request: pb.PromoteServerRequest, context: grpc.ServicerContext
    ) -> pb.PromoteServerReply:
        self._note("PromoteServer", request, context)
        return pb.PromoteServerReply(changed=self.cluster.changed)

    def RemoveServer(  # noqa: N802 - named by the contract
        self, request: pb.RemoveServerRequest, context: grpc.ServicerContext
    ) -> pb.RemoveServerReply:
        self._note("RemoveServer", request, context)
        return pb.RemoveServerReply(changed=self.cluster.changed)

    def SetTrust(  # noqa: N802 - named by the contract
        self, request: pb.SetTrustRequest, context: grpc.ServicerContext
    ) -> pb.SetTrustReply:
        self._note("SetTrust", request, context)
        return pb.SetTrustReply(changed=self.cluster.changed, allowed=request.allow)

    def SetAvailability(  # noqa: N802 - named by the contract
        self, request: pb.SetAvailabilityRequest, context: grpc.ServicerContext
    ) -> pb.SetAvailabilityReply:
        self._note("SetAvailability", request, context)
        return pb.SetAvailabilityReply(changed=self.cluster.changed)

    def SetLabels(  # noqa: N802 - named by the contract
        self, request: pb.SetLabelsRequest, context: grpc.ServicerContext
    ) -> pb.SetLabelsReply:
        self._note("SetLabels", request, context)
        return pb.SetLabelsReply(changed=self.cluster.changed)

    def RemoveNode(  # noqa: N802 - named by the contract
        self, request: pb.RemoveNodeRequest, context: grpc.ServicerContext
    ) -> pb.RemoveNodeReply:
        self._note("RemoveNode", request, context)
        return pb.RemoveNodeReply()

    def Get(self, request: pb.GetRequest, context: grpc.ServicerContext) -> pb.GetReply:  # noqa: N802 - named by the contract
        self._note("Get", request, context)
        return self._look(request)

    def Watch(self, request: pb.GetRequest, context: grpc.ServicerContext) -> Iterator[pb.GetReply]:  # noqa: N802 - named by the contract
        self._note("Watch", request, context)
        kind = pb.Kind.Name(request.kind).removeprefix("KIND_").lower()
        at = -1
        while context.is_active():
            with self.cluster.lock:
                while self.cluster.version == at and context.is_active():
                    self.cluster.lock.wait(timeout=0.05)
                at = self.cluster.version
                look = self._look(request)
            yield look
            self.cluster.step_when_seen(kind)

    def Describe(  # noqa: N802 - named by the contract
        self, request: pb.DescribeRequest, context: grpc.ServicerContext
    ) -> pb.DescribeReply:
        self._note("Describe", request, context)
        return self.cluster.description

    def Logs(  # noqa: N802 - named by the contract
        self, request: pb.LogsRequest, context: grpc.ServicerContext
    ) -> Iterator[types_pb2.LogLine]:
        self._note("Logs", request, context)
        for line in self.cluster.lines:
            yield to_message(line, types_pb2.LogLine)

    def Exec(  # noqa: N802 - named by the contract
        self, request_iterator: Iterator[pb.ExecInput], context: grpc.ServicerContext
    ) -> Iterator[pb.ExecOutput]:
        first = next(request_iterator)
        self._note("Exec", first, context)
        if first.start.stdin:
            for item in request_iterator:
                self.cluster.exec_inputs.append(item)
                if item.WhichOneof("input") == "end":
                    break
        yield from self.cluster.exec_replies

    def _applied(self, app: str) -> pb.ApplyReply:
        newest = max((view.number for view in self.cluster.releases), default=1)
        return pb.ApplyReply(
            app=app,
            release=newest,
            changed=self.cluster.changed,
            changes=self.cluster.changes if self.cluster.changed else (),
        )

    def _look(self, request: pb.GetRequest) -> pb.GetReply:
        kind = pb.Kind.Name(request.kind).removeprefix("KIND_").lower()
        if kind == "status":
            return pb.GetReply(status=to_message(self.cluster.status, types_pb2.StatusView))
        views: list[View] = getattr(self.cluster, kind)
        shown = [to_message(view, MESSAGES[kind]) for view in views if _is_asked(view, request)]
        return pb.GetReply(**{kind: shown})

    def _note(self, method: str, request: Message, context: grpc.ServicerContext) -> None:
        self.cluster.calls.append((method, request))
        if not self.cluster.refusals:
            return
        refusal = self.cluster.refusals.popleft()
        metadata: list[tuple[str, str | bytes]] = []
        if refusal.error:
            metadata.append(("orb-error", refusal.error))
        if refusal.remedy:
            metadata.append(("orb-remedy-bin", refusal.remedy.encode()))
        if refusal.leader:
            metadata.append(("orb-leader", refusal.leader))
        context.set_trailing_metadata(tuple(metadata))
        context.abort(refusal.code, refusal.details)


class Loopback:
    """A fake control service that listens on a free port of this machine."""

    def __init__(self, cluster: FakeCluster, credentials: Credentials) -> None:
        self.cluster = cluster
        self._server = grpc.server(ThreadPoolExecutor(max_workers=8))
        add_ControlServicer_to_server(FakeControl(cluster), self._server)
        keys = grpc.ssl_server_credentials(
            [(credentials.key.read_bytes(), credentials.certificate.read_bytes())],
            root_certificates=credentials.ca.read_bytes(),
            require_client_auth=True,
        )
        self.address = f"127.0.0.1:{self._server.add_secure_port('127.0.0.1:0', keys)}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()


def _is_asked(view: View, request: pb.GetRequest) -> bool:
    own = {
        "service": getattr(view, "service", None) or getattr(view, "name", ""),
        "app": getattr(view, "app", ""),
        "node": getattr(view, "node", ""),
        "environment": getattr(view, "environment", ""),
    }
    return all(getattr(request, key) in {"", value} for key, value in own.items())


# --- views ------------------------------------------------------------------------------------
def a_status(**changes: object) -> StatusView:
    status = StatusView(
        leader="s1",
        servers=tuple(
            ServerView(
                name=f"s{number}",
                address=f"127.0.0.1:710{number}",
                role="leader" if number == 1 else "follower",
                healthy=True,
            )
            for number in (1, 2, 3)
        ),
        nodes={"total": 3, "ready": 3, "suspect": 0, "down": 0, "cordoned": 0, "draining": 0},
        services={
            "total": 1,
            "healthy": 1,
            "degraded": 0,
            "desired": 3,
            "running": 3,
            "ready": 3,
        },
        reserved=Amounts(cpus=0.3, memory_bytes=192 * 1024**2),
        resources=Amounts(cpus=12.0, memory_bytes=24 * GIB),
        index=42,
    )
    return replace(status, **changes)  # type: ignore[arg-type]  # by name, from the test


def a_node_view(name: str = "n1", **changes: object) -> NodeView:
    view = NodeView(
        name=name,
        state="ready",
        state_since=NOW,
        availability="active",
        address="127.0.0.1",
        zone="a",
        labels={"zone": "a"},
        resources=Amounts(cpus=4.0, memory_bytes=8 * GIB),
        reserved=Amounts(cpus=0.1, memory_bytes=64 * 1024**2),
        tasks=1,
        os="linux",
        arch="amd64",
        runtime="process",
        agent_version="0.1.0",
        kernel="6.1.0",
        joined_at=NOW,
        heard_at=NOW,
    )
    return replace(view, **changes)  # type: ignore[arg-type]  # by name, from the test


def a_service_view(name: str = "web", **changes: object) -> ServiceView:
    view = ServiceView(
        environment="default",
        app="shop",
        name=name,
        mode="replicated",
        desired=3,
        running=3,
        ready=3,
        release=1,
        updated=3,
        image="app:v1",
        ports=(PublishedView(target=80, published=8080),),
    )
    return replace(view, **changes)  # type: ignore[arg-type]  # by name, from the test


def a_replica_view(number: int = 1, **changes: object) -> ReplicaView:
    view = ReplicaView(
        environment="default",
        app="shop",
        service="web",
        replica=number,
        name=f"web/{number}",
        state="running",
        ready=True,
        node="n1",
        task=str(100 + number),
        container_id="0123456789abcdef",
        started_at=NOW,
        release=1,
        ports=(BoundPort(container=80, host=32768, address="127.0.0.1"),),
        image="app:v1",
    )
    return replace(view, **changes)  # type: ignore[arg-type]  # by name, from the test


def a_release_view(number: int = 1, **changes: object) -> ReleaseView:
    view = ReleaseView(
        environment="default",
        app="shop",
        number=number,
        author="user:admin",
        time=NOW,
        reason="first",
        status="done",
        current=True,
        changes=("web: new",),
    )
    return replace(view, **changes)  # type: ignore[arg-type]  # by name, from the test


def an_event_view(sequence: int = 1, **changes: object) -> EventView:
    view = EventView(
        sequence=sequence,
        time=NOW,
        kind="release.done",
        message="release 1 is done",
        environment="default",
        app="shop",
    )
    return replace(view, **changes)  # type: ignore[arg-type]  # by name, from the test


def a_log_line(text: str, *, replica: str = "web/1", second: int = 0) -> LogLine:
    return LogLine(
        replica=replica,
        task="101",
        node="n1",
        time=Millis(NOW + second * 1000),
        stream="stdout",
        text=text,
    )
