"""An app as canonical Compose text, defaults included: what `orbctl config` prints."""

from collections.abc import Mapping

from orb.manifest.contents import Given
from orb.manifest.deploy import CONDITIONS as RESTART_CONDITIONS
from orb.manifest.deploy import FAILURE_ACTIONS, MODES, ORDERS
from orb.manifest.emit import Value, emit
from orb.manifest.relations import CONDITIONS
from orb.manifest.render_container import container_keys, device_requests, networks_of
from orb.manifest.render_files import declared_files, granted_files
from orb.manifest.written import pairs, present, size, text, time, word
from orb.resources import Resources
from orb.spec import (
    AppSpec,
    Healthcheck,
    Placement,
    Port,
    Priority,
    ServiceSpec,
    TaskSpec,
)


def render(app: AppSpec, given: Given | None = None) -> str:
    """The manifest that says the same as *app*: loading it gives *app* again.

    *given* says where its configs and secrets come from. What is not known, and the text of
    secrets, is not written; then loading is refused unless the secret can be read once more.
    """
    document: dict[str, Value] = {
        "name": text(app.name),
        "services": {service.name: _service(service) for service in app.services},
        "networks": networks_of([service.task.container for service in app.services]),
        "volumes": {
            volume.name: present(
                {
                    "name": text(volume.outside_name),
                    "external": volume.external or None,
                    "driver": text(volume.driver),
                    "driver_opts": pairs(volume.driver_opts),
                    "labels": pairs(volume.labels),
                }
            )
            for volume in app.volumes
        },
        **declared_files(app, given),
    }
    return emit(present(document))


def _service(service: ServiceSpec) -> Mapping[str, Value]:
    priority = service.priority
    return {
        **container_keys(service.task.container),
        **granted_files(service.task.container.files),
        **_task(service.task),
        **present(
            {
                "depends_on": {
                    each.service: {
                        "condition": word(CONDITIONS, each.condition),
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


def _task(task: TaskSpec) -> dict[str, Value]:
    published = [_port(port) for port in task.ports if port.published is not None]
    exposed = [f"{p.target}/{p.protocol.name.lower()}" for p in task.ports if p.published is None]
    health: Value = {"disable": True} if task.healthcheck_disabled else None
    if task.healthcheck is not None:
        health = _healthcheck(task.healthcheck)
    return present(
        {
            "ports": published,
            "expose": exposed,
            "healthcheck": health,
            "platform": text(task.placement.platform),
        }
    )


def _port(port: Port) -> Mapping[str, Value]:
    return present(
        {
            "target": port.target,
            "published": str(port.published),
            "protocol": port.protocol.name.lower(),
            "mode": port.mode.name.lower(),
            "host_ip": port.host_ip,
            "name": text(port.name),
        }
    )


def _healthcheck(check: Healthcheck) -> Mapping[str, Value]:
    return {
        "test": [text(word) for word in check.test],
        "interval": time(check.interval_ms),
        "timeout": time(check.timeout_ms),
        "retries": check.retries,
        "start_period": time(check.start_period_ms),
        "start_interval": time(check.start_interval_ms),
    }


def _deploy(service: ServiceSpec) -> Mapping[str, Value]:
    restart, update = service.restart, service.update
    return present(
        {
            "mode": word(MODES, service.mode),
            "replicas": None if service.is_global else service.replicas,
            "labels": pairs(service.labels),
            "resources": present(
                {
                    "limits": _amounts(service.task.limits, none_is_zero=True),
                    "reservations": {
                        **_amounts(service.task.reservations, none_is_zero=False),
                        **device_requests(service.task.container.security),
                    },
                }
            ),
            "placement": _placement(service.task.placement),
            "restart_policy": {
                "condition": word(RESTART_CONDITIONS, restart.condition),
                "delay": time(restart.delay_ms),
                "max_attempts": restart.attempts_max,
                "window": time(restart.window_ms),
            },
            "update_config": {
                "parallelism": update.parallelism,
                "delay": time(update.delay_ms),
                "order": word(ORDERS, update.order),
                "failure_action": word(FAILURE_ACTIONS, update.failure_action),
                "monitor": time(update.monitor_ms),
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
    return present(
        {
            "cpus": None if none_is_zero and not cpus else f"{cpus / 1000:.3f}",
            "memory": None if none_is_zero and not memory else size(memory),
            "generic_resources": devices,
        }
    )


def _placement(placement: Placement) -> Mapping[str, Value]:
    return present(
        {
            "constraints": [text(each) for each in placement.constraints],
            "preferences": [{"spread": text(each)} for each in placement.spread],
            "max_replicas_per_node": placement.max_replicas_per_node or None,
        }
    )
