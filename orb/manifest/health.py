"""`healthcheck` of a service."""

from collections.abc import Mapping
from typing import Final

from orb.ids import Millis
from orb.manifest.context import Context
from orb.manifest.diagnostics import excerpt
from orb.manifest.nodes import Entry, ListNode, Node
from orb.manifest.service_keys import HEALTHCHECK
from orb.spec import Healthcheck

RETRIES_MAX: Final = 10_000
_KINDS: Final = ("CMD", "CMD-SHELL", "NONE")


def read_healthcheck(node: Node, context: Context) -> tuple[Healthcheck | None, bool]:
    """The healthcheck, and whether health is not to be asked at all."""
    values = context.values
    entries = values.section(node, HEALTHCHECK, "`healthcheck`")
    if values.optional(entries, "disable", values.boolean):
        return None, True
    if "test" not in entries:
        if entries:
            context.problems.warn(
                node.place,
                "`healthcheck` without `test` has no effect: the image's own is used as it is",
                "Give it a `test`.",
            )
        return None, False
    test = _test(entries["test"].node, context)
    if test is None:
        return None, False
    if test[0] == "NONE":
        return None, True
    return _timed(test, entries, context), False


def _test(node: Node, context: Context) -> tuple[str, ...] | None:
    if not isinstance(node, ListNode):
        line = context.values.text(node, "`test`")
        return None if line is None else ("CMD-SHELL", line)
    words = tuple(text for text, _ in context.values.texts(node, "`test`"))
    if not words or words[0] not in _KINDS:
        context.problems.error(
            node.place,
            "a `test` that is a list starts with CMD, CMD-SHELL or NONE",
            'Write `test: ["CMD", "curl", "-f", "http://localhost"]`, or one line of text.',
        )
        return None
    if words[0] == "CMD-SHELL" and len(words) > 2:
        message = f"the shell runs {excerpt(words[1])} only: the other words are its $0, $1, …"
        context.problems.warn(node.place, message, "Write the whole line as one text.")
        words = words[:2]
    if (len(words) > 1) is (words[0] == "NONE"):
        context.problems.error(node.place, f"{words[0]} has the wrong number of words after it")
        return None
    return words


def _timed(test: tuple[str, ...], entries: Mapping[str, Entry], context: Context) -> Healthcheck:
    values = context.values
    usual = Healthcheck(test=test)

    def time(name: str, default: Millis) -> Millis:
        # As in Docker, 0 stands for the default.
        return values.optional(entries, name, values.duration) or default

    retries = values.optional(entries, "retries", lambda n, w: values.integer(n, w, 0, RETRIES_MAX))
    return Healthcheck(
        test=test,
        interval_ms=time("interval", usual.interval_ms),
        timeout_ms=time("timeout", usual.timeout_ms),
        retries=retries or usual.retries,
        start_period_ms=time("start_period", usual.start_period_ms),
        start_interval_ms=time("start_interval", usual.start_interval_ms),
    )
