"""`post_start` and `pre_stop` of a service."""

from collections.abc import Mapping

from orb.container import Hook
from orb.manifest.context import Context
from orb.manifest.nodes import Entry, Node
from orb.manifest.service_keys import HOOK
from orb.manifest.variables import read_environment

Entries = Mapping[str, Entry]


def read_hooks(entries: Entries, key: str, context: Context) -> tuple[Hook, ...]:
    """The commands that run inside the container at that time."""
    if key not in entries:
        return ()
    found = (_hook(item, key, context) for item in context.values.items(entries[key].node, key))
    return tuple(hook for hook in found if hook is not None)


def _hook(item: Node, key: str, context: Context) -> Hook | None:
    values = context.values
    parts = values.section(item, HOOK, f"a hook of `{key}`")
    command = values.optional(parts, "command", values.command)
    if not command:
        context.problems.error(item.place, f"a hook of `{key}` needs a `command`")
        return None
    return Hook(
        command=command,
        user=values.optional(parts, "user", values.text) or "",
        privileged=values.optional(parts, "privileged", values.boolean) or False,
        working_dir=values.optional(parts, "working_dir", values.text) or "",
        environment=read_environment(parts, context),
    )
