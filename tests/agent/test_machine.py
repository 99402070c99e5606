"""Facts, usage and control groups, read from folders that look like the kernel's."""

import asyncio
import os
from pathlib import Path

from agent.facts import MachineFacts, Offer
from agent.runtime.cgroups import Cgroups
from agent.runtime.fake import FakeRuntime
from agent.usage import UsageMeter
from orb.clock import SystemClock
from orb.ids import NodeName
from orb.resources import Resources
from orb.spec import TaskSpec
from orb.work import NodeFacts
from tests.factories import GIB, MIB, a_task_spec


def facts_of(offer: Offer, data: Path) -> NodeFacts:
    return asyncio.run(MachineFacts(offer, FakeRuntime(SystemClock()), data).read())


def test_what_is_found_is_what_is_offered(tmp_path: Path) -> None:
    facts = facts_of(Offer(name=NodeName("n1"), address="10.0.0.1"), tmp_path)

    assert facts.capacity.milli_cpus == 1000 * len(os.sched_getaffinity(0))
    assert facts.capacity.memory_bytes == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert (facts.name, facts.address, facts.os, facts.runtime) == (
        "n1", "10.0.0.1", "linux", "fake",
    )  # fmt: skip
    assert facts.disk_bytes > 0
    assert facts.kernel


def test_what_is_configured_goes_before_what_is_found(tmp_path: Path) -> None:
    offer = Offer(
        name=NodeName("n1"),
        address="a",
        labels={"zone": "a"},
        cpus=3,
        memory_bytes=2 * GIB,
        devices={"gpu": 4, "fpga": 0},
    )

    facts = facts_of(offer, tmp_path)

    assert facts.capacity == Resources(3_000, 2 * GIB, {"gpu": 4})
    assert facts.labels == {"zone": "a"}


def test_usage_is_what_was_used_since_the_reading_before(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable: 400 kB\n")
    stat = tmp_path / "stat"
    meter = UsageMeter(tmp_path, proc=tmp_path)
    stat.write_text("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1\n")
    meter.read(1)
    stat.write_text("cpu  150 0 150 750 150 0 0 0 0 0\ncpu0 1\n")

    usage = meter.read(7)

    assert usage.milli_cpus == 500 * (os.cpu_count() or 1)
    assert (usage.memory_bytes, usage.tasks) == (600 * 1024, 7)
    assert usage.disk_bytes > 0
    assert meter.read(7).milli_cpus == 0


def a_limited_spec() -> TaskSpec:
    spec = a_task_spec(needs=Resources(500, 64 * MIB))
    return TaskSpec(
        container=spec.container,
        reservations=spec.reservations,
        limits=Resources(1_500, 128 * MIB),
    )


def contents(*groups: Path) -> dict[str, str]:
    return {
        path.name: path.read_text()
        for group in groups
        for path in group.iterdir()
        if path.is_file()
    }


def test_limits_of_the_second_version(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    own = tmp_path / "own"
    own.write_text("0::/system.slice/orb-agent.service\n")

    groups = Cgroups("c-n1", tmp_path, own).make("7", a_limited_spec())

    assert groups == (tmp_path / "orb" / "c-n1" / "7",)
    assert contents(*groups) == {
        "cpu.max": "150000 100000",
        "cpu.weight": "20",
        "memory.max": str(128 * MIB),
    }


def test_limits_of_the_first_version_are_below_our_own_group(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("4:memory:/mine\n1:cpu,cpuacct:/\n0::/\n")
    for controller in ("cpu", "memory"):
        (tmp_path / controller / "mine").mkdir(parents=True)
        (tmp_path / controller / "cgroup.procs").touch()

    cpu, memory = Cgroups("c-n1", tmp_path, own).make("7", a_limited_spec())

    assert cpu == tmp_path / "cpu" / "orb" / "c-n1" / "7"
    assert memory == tmp_path / "memory" / "mine" / "orb" / "c-n1" / "7"
    assert contents(cpu, memory) == {
        "cpu.shares": "512",
        "cpu.cfs_period_us": "100000",
        "cpu.cfs_quota_us": "150000",
        "memory.limit_in_bytes": str(128 * MIB),
    }


def test_where_no_groups_can_be_made_tasks_run_without(tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.write_text("0::/\n")

    assert Cgroups("c-n1", tmp_path / "nowhere", own).make("7", a_limited_spec()) == ()
