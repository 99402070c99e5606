"""What people may change: each request as the command that the log agrees on."""

from typing import Final, Protocol

from controlplane.api.environments import check_trust
from controlplane.api.look import Look
from controlplane.api.reading import only_at_the_leader
from controlplane.proposer import done
from controlplane.raft.log import Log
from controlplane.state.commands import (
    Answer,
    Applied,
    ApplyApp,
    Command,
    DeleteApp,
    RemoveNode,
    RemoveSecret,
    ScaleService,
    SetAvailability,
    SetLabels,
    SetSecret,
    SetTrust,
)
from orb import telemetry, validate
from orb.clock import Clock
from orb.config_kinds import NAME
from orb.errors import InvalidInput
from orb.ids import AppKey, NodeName, ServiceKey
from orb.labels import check_label
from orb.lifecycle import Availability
from orb.spec import DEFAULT_ENVIRONMENT, REPLICAS_MAX, AppSpec
from orb.trust import Trust, needs
from orb.v1 import control_pb2 as pb
from orb.validate.contents import check_contents, check_secret
from orb.wire import to_record

REASON_CHARACTERS_MAX: Final = 1_000
"""The longest reason for a release; a longer one is refused."""
LABELS_MAX: Final = 200
"""Labels in one request; more are refused."""
CLIENT_CHARACTERS_MAX: Final = 64
SEQUENCE_MAX: Final = 2**62

_SECONDS: Final = telemetry.Histogram(
    "orb.api.change",
    "s",
    "From a change that was asked for to its being agreed on",
    telemetry.SECONDS,
)


class Propose(Protocol):
    """The way into the log."""

    async def propose(
        self, command: Command, *, author: str, trace: str = "", client: str = "", sequence: int = 0
    ) -> Answer:
        """Have the command agreed on."""
        ...


class AtTheLeader:
    """Proposes where it may succeed; elsewhere says whom to ask, or why nobody can answer."""

    def __init__(self, proposer: Propose, agreement: Log) -> None:
        self._proposer = proposer
        self._agreement = agreement

    async def propose(
        self, command: Command, *, author: str, trace: str = "", client: str = "", sequence: int = 0
    ) -> Answer:
        """Have the command agreed on. Raises NotLeader, NoQuorum, or what the log raises."""
        with only_at_the_leader(self._agreement):
            return await self._proposer.propose(
                command, author=author, trace=trace, client=client, sequence=sequence
            )


class Looks(Protocol):
    """The way to the state, with all that was acknowledged before."""

    async def look(self, *, stale: bool) -> Look:
        """The state now. Raises OrbError if nobody can say."""
        ...


class Changes:
    """Checks requests and has them agreed on, in the name of who asks. All raise OrbError."""

    def __init__(self, proposer: Propose, reading: Looks, clock: Clock) -> None:
        self._proposer = proposer
        self._reading = reading
        self._clock = clock

    async def apply(self, request: pb.ApplyRequest, author: str, trace: str) -> pb.ApplyReply:
        """Make the app what the spec says."""
        if not request.HasField("spec"):
            raise InvalidInput("`spec` is missing")
        spec = to_record(request.spec, AppSpec, "spec")
        validate.check(spec)
        check_contents(request.contents)
        environment = _environment(request.environment)
        await self._check_trust(environment, spec)
        expected = request.expected_release if request.HasField("expected_release") else None
        command = ApplyApp(
            environment=environment,
            spec=spec,
            reason=_reason(request.reason),
            expected_release=expected,
            contents=tuple(request.contents),
        )
        return _reply(spec.name, await self._numbered(command, request, author, trace))

    async def scale(self, request: pb.ScaleRequest, author: str, trace: str) -> pb.ApplyReply:
        """Give a service another count."""
        if not 0 <= request.replicas <= REPLICAS_MAX:
            raise InvalidInput(f"a service has 0 to {REPLICAS_MAX} replicas")
        service = to_record(request.service, ServiceKey, "service")
        command = ScaleService(
            service=service._replace(environment=_environment(service.environment)),
            replicas=request.replicas,
            reason=_reason(request.reason),
        )
        return _reply(service.app, await self._numbered(command, request, author, trace))

    async def delete(self, request: pb.DeleteRequest, author: str, trace: str) -> pb.DeleteReply:
        """Stop and forget an app."""
        app = to_record(request.app, AppKey, "app")
        command = DeleteApp(app=app._replace(environment=_environment(app.environment)))
        applied = await self._numbered(command, request, author, trace)
        return pb.DeleteReply(tasks=applied.number)

    async def set_secret(
        self, request: pb.SetSecretRequest, author: str, trace: str
    ) -> pb.SetSecretReply:
        """Store a secret; a new content rolls its users."""
        check_secret(request.name, request.content)
        command = SetSecret(
            environment=_environment(request.environment),
            name=request.name,
            content=request.content,
        )
        with telemetry.span("SetSecret", trace, author=author) as span:
            answer = await self._proposer.propose(command, author=author, trace=span.traceparent)
        applied = done(answer)
        return pb.SetSecretReply(changed=applied.changed, changes=applied.details)

    async def remove_secret(
        self, request: pb.RemoveSecretRequest, author: str
    ) -> pb.RemoveSecretReply:
        """Forget a stored secret that nobody uses."""
        environment = _environment(request.environment)
        await self._plain(RemoveSecret(environment=environment, name=request.name), author)
        return pb.RemoveSecretReply()

    async def set_trust(self, request: pb.SetTrustRequest, author: str) -> pb.SetTrustReply:
        """Allow the apps of an environment things, and deny them others."""
        for word in (*request.allow, *request.deny):
            if word not in set(Trust):
                words = ", ".join(sorted(Trust))
                raise InvalidInput(f"{word[:40]!r} is none of {words}")
        command = SetTrust(
            environment=_environment(request.environment),
            allow=tuple(request.allow),
            deny=tuple(request.deny),
        )
        applied = await self._plain(command, author)
        return pb.SetTrustReply(changed=applied.changed, allowed=applied.details)

    async def set_availability(
        self, request: pb.SetAvailabilityRequest, author: str
    ) -> pb.SetAvailabilityReply:
        """Cordon, drain or uncordon a node."""
        allowed = {item.value: item for item in Availability}
        if request.availability not in allowed:
            raise InvalidInput("`availability` is none of active, cordoned, draining")
        applied = await self._plain(
            SetAvailability(
                node=NodeName(request.node), availability=allowed[request.availability]
            ),
            author,
        )
        return pb.SetAvailabilityReply(changed=applied.changed)

    async def set_labels(self, request: pb.SetLabelsRequest, author: str) -> pb.SetLabelsReply:
        """Give a node labels, and take some away."""
        labels = dict(sorted(request.labels.items()))
        if max(len(labels), len(request.remove)) > LABELS_MAX:
            raise InvalidInput(f"more than {LABELS_MAX} labels at once")
        for key, value in labels.items():
            check_label(key, value)
        command = SetLabels(
            node=NodeName(request.node), labels=labels, remove=tuple(request.remove)
        )
        return pb.SetLabelsReply(changed=(await self._plain(command, author)).changed)

    async def remove_node(self, request: pb.RemoveNodeRequest, author: str) -> pb.RemoveNodeReply:
        """Forget a node."""
        await self._plain(RemoveNode(node=NodeName(request.node)), author)
        return pb.RemoveNodeReply()

    async def _check_trust(self, environment: str, spec: AppSpec) -> None:
        """What people have said by now counts; an app that needs no trust is not held up."""
        asked = tuple(needs(spec))
        if asked:
            look = await self._reading.look(stale=False)
            check_trust(look.state, environment, spec, asked)

    async def _plain(self, command: Command, author: str) -> Applied:
        return done(await self._proposer.propose(command, author=author))

    async def _numbered(
        self,
        command: Command,
        request: pb.ApplyRequest | pb.ScaleRequest | pb.DeleteRequest,
        author: str,
        parent: str,
    ) -> Applied:
        """Have a command agreed on that is answered alike however often it is sent."""
        if len(request.client) > CLIENT_CHARACTERS_MAX:
            raise InvalidInput(f"`client` is longer than {CLIENT_CHARACTERS_MAX} characters")
        if not 0 <= request.sequence <= SEQUENCE_MAX:
            raise InvalidInput("`sequence` is out of range")
        started = self._clock.monotonic()
        with telemetry.span(type(command).__name__, parent, author=author) as span:
            answer = await self._proposer.propose(
                command,
                author=author,
                trace=span.traceparent,
                client=request.client,
                sequence=request.sequence,
            )
            _SECONDS.record(self._clock.monotonic() - started)
            return done(answer)


def _environment(name: str) -> str:
    try:
        return NAME.parse(name or DEFAULT_ENVIRONMENT)
    except ValueError as error:
        raise InvalidInput(f"the environment: {error}") from None


def _reason(text: str) -> str:
    if len(text) > REASON_CHARACTERS_MAX:
        raise InvalidInput(f"the reason is longer than {REASON_CHARACTERS_MAX} characters")
    return text


def _reply(app: str, applied: Applied) -> pb.ApplyReply:
    return pb.ApplyReply(
        app=app, release=applied.number, changed=applied.changed, changes=applied.details
    )
