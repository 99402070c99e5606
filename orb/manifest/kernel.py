"""What the kernel holds a container to: ulimits, sysctls, memory, CPU and block devices."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from orb.container import BlockIo, DeviceRate, Kernel, Ulimit
from orb.manifest.context import Context
from orb.manifest.diagnostics import did_you_mean, excerpt
from orb.manifest.keys import Table
from orb.manifest.nodes import Entry, MapNode, Node, Scalar
from orb.manifest.service_keys import BLKIO, DEVICE_RATE, DEVICE_WEIGHT, ULIMIT
from orb.manifest.variables import read_labels
from orb.validate.rights import ULIMITS
from orb.validate.shapes import AMOUNT_MAX

_MICROSECONDS: Final = re.compile(r"\d{1,18}")
_RATES: Final = ("device_read_bps", "device_write_bps", "device_read_iops", "device_write_iops")

Entries = Mapping[str, Entry]


def read_kernel(entries: Entries, limits: Entries, context: Context) -> Kernel:
    """The limits of the kernel; *limits* are those of `deploy.resources`."""
    values = context.values

    def number(key: str, least: int, most: int) -> int | None:
        return values.optional(entries, key, lambda n, w: values.integer(n, w, least, most))

    return Kernel(
        ulimits=_ulimits(entries, context),
        sysctls=read_labels(entries.get("sysctls"), None, context),
        shm_size_bytes=values.optional(entries, "shm_size", values.size_bytes) or 0,
        pids_limit=_pids(entries, limits, context),
        memswap_limit_bytes=_swap(entries, context),
        mem_swappiness=number("mem_swappiness", 0, 100),
        oom_kill_disable=values.optional(entries, "oom_kill_disable", values.boolean) or False,
        oom_score_adj=number("oom_score_adj", -1000, 1000) or 0,
        cpuset=values.optional(entries, "cpuset", values.text) or "",
        cpu_shares=number("cpu_shares", 0, 262_144) or 0,
        cpu_period_us=_microseconds(entries, "cpu_period", context),
        cpu_quota_us=_microseconds(entries, "cpu_quota", context),
        cpu_rt_period_us=_microseconds(entries, "cpu_rt_period", context),
        cpu_rt_runtime_us=_microseconds(entries, "cpu_rt_runtime", context),
        cgroup_parent=values.optional(entries, "cgroup_parent", values.text) or "",
        storage_opt=read_labels(entries.get("storage_opt"), None, context),
        blkio=_blkio(entries, context),
    )


def _ulimits(entries: Entries, context: Context) -> tuple[Ulimit, ...]:
    if "ulimits" not in entries:
        return ()
    found = []
    for name, entry in context.values.entries(entries["ulimits"].node, "`ulimits`").items():
        if name not in ULIMITS:
            message = f"{excerpt(name)} is not a limit that engines know"
            context.problems.error(entry.key_place, message, did_you_mean(name, ULIMITS))
        elif (limit := _ulimit(name, entry.node, context)) is not None:
            found.append(limit)
    return tuple(sorted(found, key=lambda limit: limit.name))


def _ulimit(name: str, node: Node, context: Context) -> Ulimit | None:
    values = context.values

    def number(each: Node, what: str) -> int | None:
        return values.integer(each, what, -1, AMOUNT_MAX)

    if not isinstance(node, MapNode):
        both = number(node, f"`{name}`")
        return None if both is None else Ulimit(name=name, soft=both, hard=both)
    parts = values.section(node, ULIMIT, f"the limit {excerpt(name)}")
    soft = values.optional(parts, "soft", number)
    hard = values.optional(parts, "hard", number)
    if soft is None and hard is None:
        context.problems.error(node.place, f"the limit {excerpt(name)} needs `soft` and `hard`")
        return None
    soft, hard = (hard if soft is None else soft), (soft if hard is None else hard)
    return Ulimit(name=name, soft=soft or 0, hard=hard or 0)


def _pids(entries: Entries, limits: Entries, context: Context) -> int:
    values = context.values

    def read(node: Node, what: str) -> int | None:
        return values.integer(node, what, -1, 2**32)

    short = values.optional(entries, "pids_limit", read)
    long = values.optional(limits, "pids", read)
    if short is not None and long is not None and short != long:
        message = "`pids_limit` and `deploy.resources` say different things"
        context.problems.error(entries["pids_limit"].key_place, message, "Keep one of them.")
    return long if long is not None else short or 0


def _swap(entries: Entries, context: Context) -> int:
    entry = entries.get("memswap_limit")
    if entry is None:
        return 0
    if isinstance(entry.node, Scalar) and entry.node.text.strip() == "-1":
        return -1
    return context.values.size_bytes(entry.node, "`memswap_limit`") or 0


def _microseconds(entries: Entries, key: str, context: Context) -> int:
    """A number of microseconds, or a time like `50ms`."""
    entry = entries.get(key)
    if entry is None or not isinstance(entry.node, Scalar):
        context.values.optional(entries, key, context.values.text)
        return 0
    text = entry.node.text.strip()
    if text == "-1" and key == "cpu_quota":
        return -1
    if _MICROSECONDS.fullmatch(text):
        return int(text)
    if re.fullmatch(r"\d{1,15}us", text):
        return int(text[:-2])
    length = context.values.duration(entry.node, f"`{key}`")
    return 0 if length is None else int(Decimal(length) * 1_000)


def _blkio(entries: Entries, context: Context) -> BlockIo:
    if "blkio_config" not in entries:
        return BlockIo()
    values = context.values
    parts = values.section(entries["blkio_config"].node, BLKIO, "`blkio_config`")
    weight = values.optional(parts, "weight", lambda n, w: values.integer(n, w, 0, 1_000))
    rates = {key: _rates(parts, key, DEVICE_RATE, context) for key in _RATES}
    return BlockIo(
        weight=weight or 0,
        weight_device=_rates(parts, "weight_device", DEVICE_WEIGHT, context),
        **rates,
    )


def _rates(parts: Entries, key: str, table: Table, context: Context) -> tuple[DeviceRate, ...]:
    values = context.values
    found = []
    for item in values.items(parts[key].node, f"`{key}`") if key in parts else ():
        inner = values.section(item, table, f"an item of `{key}`")
        path = values.optional(inner, "path", values.text)
        amount = "weight" if "weight" in table else "rate"
        rate = values.optional(inner, amount, values.size_bytes)
        if path is None or rate is None:
            context.problems.error(item.place, f"an item of `{key}` needs `path` and `{amount}`")
        else:
            found.append(DeviceRate(path=path, rate=rate))
    return tuple(found)
