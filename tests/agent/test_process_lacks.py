"""A process says what of its service it runs without."""

from agent.runtime.process_lacks import lacking, remark
from orb.container import Kernel, Logging, Networking, Security, Ulimit
from orb.spec import ContainerSpec, Mount, MountKind


def test_a_plain_process_lacks_nothing() -> None:
    mount = Mount(kind=MountKind.VOLUME, source="data", target="/data")
    container = ContainerSpec(image="i", init=True, mounts=(mount,), labels={"a": "b"})
    assert (lacking(container), remark(container)) == ((), "")


def test_what_needs_a_container_is_named_by_its_key() -> None:
    container = ContainerSpec(
        image="i",
        read_only=True,
        tmpfs={"/run": ""},
        mounts=(Mount(kind=MountKind.BIND, source="/x", target="/y", read_only=True),),
        security=Security(cap_drop=("ALL",), pid="host"),
        kernel=Kernel(ulimits=(Ulimit(name="core", soft=0, hard=0),), shm_size_bytes=5),
        logging=Logging(driver="none"),
        networking=Networking(mode="none", dns=("1.1.1.1",)),
    )
    assert remark(container) == (
        "as a process it runs without `read_only` of /y, cap_drop, dns, logging, network_mode, "
        "pid, read_only, shm_size, tmpfs, ulimits"
    )
