"""`environment`, `env_file`, `labels`, `label_file` of a service."""

from collections.abc import Mapping
from typing import Final

from orb.manifest.context import Context
from orb.manifest.diagnostics import excerpt
from orb.manifest.dotenv import parse_dotenv, parse_raw
from orb.manifest.nodes import Entry, ListNode, MapNode, Node, Scalar, describe, is_null, pairs
from orb.manifest.service_keys import ENV_FILE

Entries = Mapping[str, Entry]
_FORMATS: Final = {"raw": True, "": False}


def read_environment(service: Entries, context: Context) -> dict[str, str]:
    """The variables of the container, by name: files first, then `environment`.

    A name without a value is taken over from where `orbctl` runs, and left out if it is not there.
    """
    found: dict[str, str] = {}
    if "env_file" in service:
        found.update(_files(service["env_file"].node, "`env_file`", context))
    if "environment" in service:
        node = service["environment"].node
        _check_pairs(node, "`environment`", context)
        for name, place, value in pairs(node):
            if not name or "\0" in name:
                context.problems.error(place, "a variable needs a name")
            elif not is_null(value):
                found[name] = context.values.text(value, f"the variable {excerpt(name)}") or ""
            elif name in context.variables:
                found[name] = context.variables[name]
            else:
                found.pop(name, None)
                message = f"the variable {excerpt(name)} is not set here: the container lacks it"
                context.problems.note(place, message)
    return dict(sorted(found.items()))


def read_labels(labels: Entry | None, files: Entry | None, context: Context) -> dict[str, str]:
    """Labels by name; one without a value is empty."""
    found: dict[str, str] = {}
    if files is not None:
        found.update(_files(files.node, "`label_file`", context))
    if labels is not None:
        _check_pairs(labels.node, "`labels`", context)
        for name, place, value in pairs(labels.node):
            if not name:
                context.problems.error(place, "a label needs a name")
            empty = is_null(value)
            text = "" if empty else context.values.text(value, f"the label {excerpt(name)}")
            found[name] = text or ""
    return dict(sorted(found.items()))


def _check_pairs(node: Node, what: str, context: Context) -> None:
    """Report what `pairs` leaves out."""
    if isinstance(node, ListNode):
        for item in node.items:
            if isinstance(item, MapNode):
                remedy = "Write `- NAME=value`, or a map without dashes."
                context.problems.error(item.place, f"an item of {what} is a map", remedy)
            elif not isinstance(item, Scalar) or is_null(item):
                message = f"an item of {what} must be `NAME=value`, not {describe(item)}"
                context.problems.error(item.place, message)
    else:
        context.values.entries(node, what)


def _files(node: Node, what: str, context: Context) -> dict[str, str]:
    found: dict[str, str] = {}
    items = (node,) if isinstance(node, (Scalar, MapNode)) else context.values.items(node, what)
    for item in items:
        found.update(_file(item, what, context))
    return found


def _file(item: Node, what: str, context: Context) -> dict[str, str]:
    values = context.values
    required, raw = True, False
    if isinstance(item, MapNode):
        entries = values.section(item, ENV_FILE, what)
        required = values.optional(entries, "required", values.boolean) is not False
        choice = values.optional(entries, "format", lambda n, w: values.choice(n, w, _FORMATS))
        raw = bool(choice)
        text = values.optional(entries, "path", values.text)
        if text is None:
            context.problems.error(item.place, f"an item of {what} needs a `path`")
    else:
        text = values.text(item, what)
    if not text:
        return {}
    path = context.folder / text
    if not required and not path.is_file():
        return {}
    content = context.files.read(path, item.place)
    if content is None:
        return {}
    if raw:
        return parse_raw(content, str(path), context.problems)
    return parse_dotenv(content, str(path), context.variables, context.problems)
