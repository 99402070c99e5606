"""From an assignment to what the Docker Engine is asked to make: names, labels, the whole body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec
from docker.utils import parse_repository_tag

from agent.runtime.docker_attach import Attachment, main_address
from agent.runtime.docker_host import host_config, port_key
from agent.runtime.docker_mounts import OwnVolumes
from agent.runtime.docker_versions import SEVERAL_NETWORKS, at_least
from orb.ids import ReplicaKey, TaskId
from orb.spec import ContainerSpec
from orb.work import Assignment

LABEL_OWNER: Final = "orb.owner"
"""`cluster/node`: we touch only what carries our own."""
LABEL_TASK: Final = "orb.task"
LABEL_REPLICA: Final = "orb.replica"
LABEL_VOLUME: Final = "orb.volume"
LABEL_CLUSTER: Final = "orb.cluster"
LABEL_PRE_STOP: Final = "orb.pre-stop"
"""The commands before the stop: whoever stops the container knows no more than its labels."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose containers these are: a node of a cluster (a short fingerprint of its CA)."""

    cluster: str
    node: str

    @property
    def label(self) -> str:
        """The value of LABEL_OWNER."""
        return f"{self.cluster}/{self.node}"

    def container(self, replica: ReplicaKey, task: TaskId) -> str:
        """A name that people recognise in `docker ps`, unique for each task."""
        env, app, service, number = replica
        return f"orb-{self.cluster[:6]}-{env}-{app}-{service}-{number}-{task:x}"

    def network(self, environment: str, app: str) -> str:
        """The app's default network on this engine; the names of its others go on from there."""
        return f"orb-{self.cluster[:6]}-{environment}-{app}"

    def volume(self, environment: str, app: str, volume: str) -> str:
        """A named volume of the app on this node."""
        return f"orb-{self.cluster[:6]}-{self.node}-{environment}-{app}-{volume}"


def image_with_tag(image: str) -> str:
    """The image with the tag that Docker takes where none is given."""
    repository, tag = parse_repository_tag(image)
    return image if tag else f"{repository}:latest"


def container_body(
    api_version: str,
    owner: Owner,
    assignment: Assignment,
    address: str,
    attachments: tuple[Attachment, ...],
) -> Mapping[str, object]:
    """The body of `POST /containers/create` for a task on networks. Raises RuntimeFailure."""
    spec = assignment.spec
    container = spec.container
    replica = assignment.replica
    volumes = own_volumes(owner, replica)
    body: dict[str, object] = {
        "Image": image_with_tag(container.image),
        "Env": [f"{name}={value}" for name, value in container.environment.items()],
        "Tty": container.tty,
        "OpenStdin": container.stdin_open,
        "StopSignal": container.stop_signal,
        "StopTimeout": -(-container.stop_grace_period_ms // 1_000),
        "Labels": {**container.labels, **_labels(owner, assignment)},
        "ExposedPorts": {port_key(port): {} for port in spec.ports},
        # The agent asks for the health itself; the image's test must not run a second time.
        "Healthcheck": {"Test": ["NONE"]},
        "HostConfig": host_config(api_version, volumes, assignment, address, attachments),
        **_said(container),
    }
    given = attachments if at_least(api_version, SEVERAL_NETWORKS) else attachments[:1]
    if given:
        body["NetworkingConfig"] = {
            "EndpointsConfig": {
                each.reference(api_version): each.settings(api_version) for each in given
            }
        }
    card = main_address(container.networking, attachments)
    if card and not at_least(api_version, SEVERAL_NETWORKS):
        body["MacAddress"] = card
    return body


def _said(container: ContainerSpec) -> dict[str, object]:
    """What counts only where it is said: else the image's own does."""
    said: dict[str, object] = {
        "Cmd": None if container.command is None else list(container.command),
        "Entrypoint": None if container.entrypoint is None else list(container.entrypoint),
        "Hostname": container.hostname or None,
        "Domainname": container.networking.domainname or None,
        "User": container.user or None,
        "WorkingDir": container.working_dir or None,
    }
    return {key: value for key, value in said.items() if value is not None}


def _labels(owner: Owner, assignment: Assignment) -> dict[str, str]:
    replica = assignment.replica
    labels = {
        LABEL_OWNER: owner.label,
        LABEL_CLUSTER: owner.cluster,
        LABEL_TASK: str(assignment.task),
        LABEL_REPLICA: f"{replica.environment}/{replica.app}/{replica.name}",
        "orb.release": str(assignment.release),
    }
    if assignment.spec.container.pre_stop:
        labels[LABEL_PRE_STOP] = msgspec.json.encode(assignment.spec.container.pre_stop).decode()
    return labels


def aliases(assignment: Assignment) -> tuple[str, ...]:
    """The names that a task answers to on each of its networks."""
    replica, container = assignment.replica, assignment.spec.container
    names = [replica.service, f"{replica.number}.{replica.service}"]
    names += [name for name in (container.container_name, container.hostname) if name]
    return tuple(dict.fromkeys(names))


def own_volumes(owner: Owner, replica: ReplicaKey) -> OwnVolumes:
    """How the volumes of an app are called and labelled on this node."""
    environment, app = replica.environment, replica.app
    return OwnVolumes(
        name=lambda volume: owner.volume(environment, app, volume),
        labels=lambda volume: volume_labels(owner, environment, app, volume),
    )


def volume_labels(owner: Owner, environment: str, app: str, volume: str) -> dict[str, str]:
    """By these a volume is known as ours, and by its full name."""
    return {
        LABEL_OWNER: owner.label,
        LABEL_CLUSTER: owner.cluster,
        LABEL_VOLUME: f"{environment}.{app}.{volume}",
    }
