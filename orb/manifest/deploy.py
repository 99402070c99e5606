"""`deploy` of a service, without its resources, and `restart`."""

from collections.abc import Mapping
from typing import Final

from orb.constraints import ATTRIBUTES, LABEL_PREFIX, canonical_arch, parse
from orb.errors import InvalidInput
from orb.ids import Millis
from orb.manifest.context import Context
from orb.manifest.diagnostics import did_you_mean, excerpt
from orb.manifest.nodes import Entry, Node
from orb.manifest.other_keys import PLACEMENT, PREFERENCE, RESTART_POLICY, UPDATE_CONFIG
from orb.spec import (
    REPLICAS_MAX,
    FailureAction,
    Mode,
    Placement,
    RestartCondition,
    RestartPolicy,
    UpdateConfig,
    UpdateOrder,
)

ATTEMPTS_MAX: Final = 1_000_000

MODES: Final = {
    "replicated": Mode.REPLICATED,
    "global": Mode.GLOBAL,
    "replicated-job": Mode.REPLICATED_JOB,
    "global-job": Mode.GLOBAL_JOB,
}
CONDITIONS: Final = {
    "none": RestartCondition.NONE,
    "on-failure": RestartCondition.ON_FAILURE,
    "any": RestartCondition.ANY,
}
RESTARTS: Final = {
    "no": RestartCondition.NONE,
    "on-failure": RestartCondition.ON_FAILURE,
    "always": RestartCondition.ANY,
    "unless-stopped": RestartCondition.ANY,
}
ORDERS: Final = {"start-first": UpdateOrder.START_FIRST, "stop-first": UpdateOrder.STOP_FIRST}
FAILURE_ACTIONS: Final = {
    "rollback": FailureAction.ROLLBACK,
    "pause": FailureAction.PAUSE,
    "continue": FailureAction.CONTINUE,
}
_ROLE_REMEDY: Final = "Label the nodes that you mean, and write `node.labels.<name> == <value>`."

Entries = Mapping[str, Entry]


def read_mode(deploy: Entries, context: Context) -> Mode:
    """`deploy.mode`."""
    values = context.values
    mode = values.optional(deploy, "mode", lambda n, w: values.choice(n, w, MODES))
    return mode or Mode.REPLICATED


def read_replicas(service: Entries, deploy: Entries, mode: Mode, context: Context) -> int:
    """`deploy.replicas` or `scale`."""
    values = context.values

    def count(entries: Entries, name: str) -> int | None:
        return values.optional(entries, name, lambda n, w: values.integer(n, w, 0, REPLICAS_MAX))

    scale, replicas = count(service, "scale"), count(deploy, "replicas")
    if scale is not None and replicas is not None and scale != replicas:
        place = service["scale"].key_place
        context.problems.error(place, "`scale` and `deploy.replicas` differ", "Keep one of them.")
    if mode in {Mode.GLOBAL, Mode.GLOBAL_JOB}:
        if replicas is not None or scale is not None:
            place = (deploy.get("replicas") or service["scale"]).key_place
            remedy = "Take `replicas` out, or use the mode `replicated`."
            context.problems.error(place, "a global service has one replica on each node", remedy)
        return 1
    found = replicas if replicas is not None else scale
    return 1 if found is None else found


def read_restart(
    name: str, service: Entries, deploy: Entries, mode: Mode, context: Context
) -> RestartPolicy:
    """`deploy.restart_policy`, else `restart`, else what suits the service.

    A job, and a service that others wait for to complete, is not run again after it ended well.
    """
    is_job = mode in {Mode.REPLICATED_JOB, Mode.GLOBAL_JOB}
    ends = is_job or name in context.awaited
    usual = RestartCondition.ON_FAILURE if ends else RestartCondition.ANY
    if "restart_policy" in deploy:
        written = deploy["restart_policy"]
        policy = _restart_policy(written.node, usual, context)
    elif "restart" in service:
        written = service["restart"]
        policy = _restart(written.node, usual, context)
    else:
        if ends and not is_job:
            said = f"{name} is not run again once it ended well: others wait for it to complete"
            context.problems.note(context.place(("services", name)), said)
        return RestartPolicy(condition=usual)
    context.mark(written.key_place, "services", name, "restart")
    if is_job and policy.condition is RestartCondition.ANY:
        message = "a job cannot be restarted whenever it ends"
        context.problems.error(written.key_place, message, "Use `on-failure`.")
    return policy


def _restart(node: Node, usual: RestartCondition, context: Context) -> RestartPolicy:
    values = context.values
    text = values.text(node, "`restart`")
    word, colon, attempts = (text or "").partition(":")
    # `restart: no` reads as text in YAML 1.2; some write `false` for it.
    condition = RestartCondition.NONE if word == "false" else RESTARTS.get(word)
    if text is None:
        return RestartPolicy(condition=usual)
    counts = attempts.isascii() and attempts.isdigit() and int(attempts[:9]) <= ATTEMPTS_MAX
    if condition is None or (colon and (word != "on-failure" or not counts)):
        words = "no, always, unless-stopped, on-failure or on-failure:3"
        remedy = did_you_mean(word, RESTARTS)
        context.problems.error(
            node.place, f"`restart` must be {words}, not {excerpt(text)}", remedy
        )
        return RestartPolicy(condition=usual)
    return RestartPolicy(condition=condition, attempts_max=int(attempts) if colon else 0)


def _restart_policy(node: Node, usual: RestartCondition, context: Context) -> RestartPolicy:
    values = context.values
    entries = values.section(node, RESTART_POLICY, "`restart_policy`")
    condition = values.optional(entries, "condition", lambda n, w: values.choice(n, w, CONDITIONS))
    delay = values.optional(entries, "delay", values.duration)
    attempts = values.optional(
        entries, "max_attempts", lambda n, w: values.integer(n, w, 0, ATTEMPTS_MAX)
    )
    default = RestartPolicy()
    delay = default.delay_ms if delay is None else delay
    return RestartPolicy(
        condition=condition or usual,
        delay_ms=delay,
        delay_max_ms=max(default.delay_max_ms, delay),
        attempts_max=attempts or 0,
        window_ms=values.optional(entries, "window", values.duration) or Millis(0),
    )


def read_update(deploy: Entries, context: Context, *, alone: bool) -> UpdateConfig:
    """`deploy.update_config`; what cannot run beside itself (*alone*) stops first by default."""
    order = UpdateOrder.STOP_FIRST if alone else UpdateOrder.START_FIRST
    usual = UpdateConfig(order=order)
    if "update_config" not in deploy:
        return usual
    values = context.values
    entries = values.section(deploy["update_config"].node, UPDATE_CONFIG, "`update_config`")
    parallelism = values.optional(
        entries, "parallelism", lambda n, w: values.integer(n, w, 0, REPLICAS_MAX)
    )
    action = values.optional(
        entries, "failure_action", lambda n, w: values.choice(n, w, FAILURE_ACTIONS)
    )
    written = values.optional(entries, "order", lambda n, w: values.choice(n, w, ORDERS))
    monitor = values.optional(entries, "monitor", values.duration)
    return UpdateConfig(
        parallelism=usual.parallelism if parallelism is None else parallelism,
        delay_ms=values.optional(entries, "delay", values.duration) or Millis(0),
        order=written or order,
        failure_action=action or usual.failure_action,
        monitor_ms=usual.monitor_ms if monitor is None else monitor,
        max_failure_ratio=values.optional(entries, "max_failure_ratio", values.ratio) or 0.0,
    )


def read_placement(service: Entries, deploy: Entries, context: Context) -> Placement:
    """`deploy.placement` and `platform`."""
    values = context.values
    entries: Entries = {}
    if "placement" in deploy:
        entries = values.section(deploy["placement"].node, PLACEMENT, "`placement`")
    most = values.optional(
        entries, "max_replicas_per_node", lambda n, w: values.integer(n, w, 0, REPLICAS_MAX)
    )
    return Placement(
        constraints=_constraints(entries, context),
        spread=_spread(entries, context),
        max_replicas_per_node=most or 0,
        platform=_platform(service, context),
    )


def _constraints(entries: Entries, context: Context) -> tuple[str, ...]:
    if "constraints" not in entries:
        return ()
    found = []
    for text, place in context.values.texts(entries["constraints"].node, "`constraints`"):
        role = text.replace(" ", "")
        if role in {"node.role==worker", "node.role!=manager"}:
            said = f"{excerpt(text)} holds for every node: nodes have no roles"
            context.problems.note(place, said)
            continue
        if role.startswith("node.role"):
            message = f"{excerpt(text)} holds for no node: nodes have no roles"
            context.problems.error(place, message, _ROLE_REMEDY)
            continue
        try:
            found.append(str(parse(text)))
        except InvalidInput as error:
            context.problems.refuse(place, error)
    return tuple(found)


def _spread(entries: Entries, context: Context) -> tuple[str, ...]:
    values = context.values
    if "preferences" not in entries:
        return ()
    found = []
    for item in values.items(entries["preferences"].node, "`preferences`"):
        preference = values.section(item, PREFERENCE, "a preference")
        text = values.optional(preference, "spread", values.text)
        if text is None:
            continue
        if text in ATTRIBUTES or (text.startswith(LABEL_PREFIX) and text != LABEL_PREFIX):
            found.append(text)
        else:
            remedy = did_you_mean(text, ATTRIBUTES) or "Spread over `node.labels.<name>`."
            context.problems.error(item.place, f"nodes have no {excerpt(text)}", remedy)
    return tuple(found)


def _platform(service: Entries, context: Context) -> str:
    text = context.values.optional(service, "platform", context.values.text)
    if not text:
        return ""
    parts = text.lower().split("/")
    system, arch = ("linux", parts[0]) if len(parts) == 1 else (parts[0], parts[1])
    if len(parts) > 3 or not all(part.replace("_", "").isalnum() for part in parts):
        place = service["platform"].node.place
        message = f"{excerpt(text)} is not a platform"
        context.problems.error(place, message, "Write `linux/amd64`.")
    arch = canonical_arch(arch)
    if len(parts) == 3 and (arch, parts[2]) != ("arm64", "v8"):
        place = service["platform"].node.place
        message = f"{excerpt(parts[2])} has no effect: any node with {arch} suits"
        context.problems.warn(place, message, "Label the nodes that suit, and use a constraint.")
    return f"{system}/{arch}"
