"""An app as canonical Compose text, defaults included: what `orbctl config` prints."""

from collections.abc import Mapping
from typing import Final, TypeVar

from orb.manifest.deploy import CONDITIONS as RESTART_CONDITIONS
from orb.manifest.deploy import FAILURE_ACTIONS, MODES, ORDERS
from orb.manifest.emit import Value, emit
from orb.manifest.relations import CONDITIONS
from orb.resources import Resources
from orb.spec import (
    AppSpec,
    ContainerSpec,
    Healthcheck,
    Mount,
    MountKind,
    Placement,
    Port,
    Priority,
    ServiceSpec,
    TaskSpec,
)

_T = TypeVar("_T")
_UNITS: Final = ((1 << 30, "G"), (1 << 20, "M"), (1 << 10, "K"))


def render(app: AppSpec) -> str:
    """The manifest that says the same as *app*: loading it gives *app* again."""
    networks = sorted({n for s in app.services for n in s.task.container.networks})
    document: dict[str, Value] = {
        "name": _text(app.name),
        "services": {service.name: _service(service) for service in app.services},
        "networks": {name: {} for name in networks},
        "volumes": {
            volume.name: _present(
                {"external": volume.external or None, "labels": _pairs(volume.labels)}
            )
            for volume in app.volumes
        },
    }
    return emit(_present(document))


def _service(service: ServiceSpec) -> Mapping[str, Value]:
    priority = service.priority
    return {
        **_container(service.task.container),
        **_task(service.task),
        **_present(
            {
                "depends_on": {
                    each.service: {
                        "condition": _word(CONDITIONS, each.condition),
                        "required": each.required,
                    }
                    for each in service.depends_on
                },
                "deploy": _deploy(service),
                "x-orb": {"priority": priority.name.lower()}
                if priority is not Priority.NORMAL
                else None,
            }
        ),
    }


def _container(container: ContainerSpec) -> dict[str, Value]:
    return {
        **_present(
            {
                "image": _text(container.image),
                "environment": _pairs(container.environment),
                "user": _text(container.user),
                "working_dir": _text(container.working_dir),
                "hostname": _text(container.hostname),
                "container_name": _text(container.container_name),
                "labels": _pairs(container.labels),
                "volumes": [_mount(mount) for mount in container.mounts],
                "networks": list(container.networks),
                "init": container.init or None,
                "tty": container.tty or None,
                "stdin_open": container.stdin_open or None,
                "read_only": container.read_only or None,
                "stop_grace_period": _time(container.stop_grace_period_ms),
                "stop_signal": container.stop_signal,
            }
        ),
        **_words("entrypoint", container.entrypoint),
        **_words("command", container.command),
    }


def _words(name: str, words: tuple[str, ...] | None) -> dict[str, Value]:
    """A command; an empty one says something else than none."""
    return {} if words is None else {name: [_text(word) for word in words]}


def _task(task: TaskSpec) -> dict[str, Value]:
    published = [_port(port) for port in task.ports if port.published is not None]
    exposed = [f"{p.target}/{p.protocol.name.lower()}" for p in task.ports if p.published is None]
    health: Value = {"disable": True} if task.healthcheck_disabled else None
    if task.healthcheck is not None:
        health = _healthcheck(task.healthcheck)
    return _present(
        {
            "ports": published,
            "expose": exposed,
            "healthcheck": health,
            "platform": _text(task.placement.platform),
        }
    )


def _port(port: Port) -> Mapping[str, Value]:
    return _present(
        {
            "target": port.target,
            "published": str(port.published),
            "protocol": port.protocol.name.lower(),
            "mode": port.mode.name.lower(),
            "host_ip": port.host_ip,
            "name": _text(port.name),
        }
    )


def _mount(mount: Mount) -> Mapping[str, Value]:
    kind = MountKind.VOLUME if mount.kind is MountKind.ANONYMOUS else mount.kind
    return _present(
        {
            "type": kind.name.lower(),
            "source": _text(mount.source),
            "target": _text(mount.target),
            "read_only": mount.read_only or None,
            "tmpfs": {"size": mount.size_bytes} if mount.size_bytes else None,
        }
    )


def _healthcheck(check: Healthcheck) -> Mapping[str, Value]:
    return {
        "test": [_text(word) for word in check.test],
        "interval": _time(check.interval_ms),
        "timeout": _time(check.timeout_ms),
        "retries": check.retries,
        "start_period": _time(check.start_period_ms),
        "start_interval": _time(check.start_interval_ms),
    }


def _deploy(service: ServiceSpec) -> Mapping[str, Value]:
    restart, update = service.restart, service.update
    return _present(
        {
            "mode": _word(MODES, service.mode),
            "replicas": None if service.is_global else service.replicas,
            "labels": _pairs(service.labels),
            "resources": _present(
                {
                    "limits": _amounts(service.task.limits, none_is_zero=True),
                    "reservations": _amounts(service.task.reservations, none_is_zero=False),
                }
            ),
            "placement": _placement(service.task.placement),
            "restart_policy": {
                "condition": _word(RESTART_CONDITIONS, restart.condition),
                "delay": _time(restart.delay_ms),
                "max_attempts": restart.attempts_max,
                "window": _time(restart.window_ms),
            },
            "update_config": {
                "parallelism": update.parallelism,
                "delay": _time(update.delay_ms),
                "order": _word(ORDERS, update.order),
                "failure_action": _word(FAILURE_ACTIONS, update.failure_action),
                "monitor": _time(update.monitor_ms),
                "max_failure_ratio": update.max_failure_ratio,
            },
        }
    )


def _amounts(amounts: Resources, *, none_is_zero: bool) -> Mapping[str, Value]:
    """CPU, memory and devices; of limits the zeros are left out, of reservations they count."""
    devices: list[Value] = [
        {"discrete_resource_spec": {"kind": kind, "value": count}}
        for kind, count in amounts.devices.items()
    ]
    cpus, memory = amounts.milli_cpus, amounts.memory_bytes
    return _present(
        {
            "cpus": None if none_is_zero and not cpus else f"{cpus / 1000:.3f}",
            "memory": None if none_is_zero and not memory else _size(memory),
            "generic_resources": devices,
        }
    )


def _placement(placement: Placement) -> Mapping[str, Value]:
    return _present(
        {
            "constraints": [_text(each) for each in placement.constraints],
            "preferences": [{"spread": _text(each)} for each in placement.spread],
            "max_replicas_per_node": placement.max_replicas_per_node or None,
        }
    )


def _present(values: Mapping[str, Value]) -> dict[str, Value]:
    """The entries that say something; a map of nothing in a map of names does."""
    return {k: v for k, v in values.items() if v is not None and v not in ("", [], {})}


def _text(text: str) -> str:
    """Text with its dollar signs written so that no variable is seen in it."""
    return text.replace("$", "$$")


def _pairs(pairs: Mapping[str, str]) -> Mapping[str, Value]:
    return {name: _text(value) for name, value in pairs.items()}


def _word(words: Mapping[str, _T], value: _T) -> str:
    return next(word for word, each in words.items() if each == value)


def _time(length: int) -> str:
    return f"{length // 1000}s" if length % 1000 == 0 else f"{length}ms"


def _size(size: int) -> str:
    unit, name = next(((u, n) for u, n in _UNITS if size and size % u == 0), (1, ""))
    return f"{size // unit}{name}"
