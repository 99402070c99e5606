"""pysyncobj 0.3.17 is really in use, and is still what we took it for."""

import hashlib
import inspect
from importlib.metadata import version

import pysyncobj
from pysyncobj import SyncObj

from controlplane.raft.syncobj import ALIASES, CALLED, REPLACED, VERSION, HardenedSyncObj
from tests.raft.lone import Lone, Stock

SOURCE = "e8bdf06797085d734df86e24ab4802fe87893dff77268565ec036f7ad4a1cfe4"


def test_exactly_the_known_version_is_installed() -> None:
    assert version("pysyncobj") == VERSION


def test_its_source_is_the_one_that_was_read() -> None:
    found = hashlib.sha256(inspect.getsource(pysyncobj.syncobj).encode()).hexdigest()
    assert found == SOURCE, "read the change; go through docs/adr/0003-pysyncobj.md again"


def test_every_private_name_that_we_use_exists_in_the_stock_class() -> None:
    names = vars(Stock()).keys() | set(dir(SyncObj))
    wanted = {f"_SyncObj__{name}" for name in (*ALIASES.values(), *CALLED, *REPLACED)}
    assert wanted <= names


def test_everything_replaced_is_replaced() -> None:
    for name in REPLACED:
        mangled = f"_SyncObj__{name}"
        assert getattr(HardenedSyncObj, mangled) is not getattr(SyncObj, mangled)


def test_the_state_of_the_protocol_lives_in_pysyncobj() -> None:
    server = Lone().server
    assert isinstance(server, SyncObj)
    server.set_term(7, "s3")
    status = server.getStatus()
    assert (status["raft_term"], status["commit_idx"], status["last_applied"]) == (7, 1, 1)
    assert server._SyncObj__votedForNodeId == "s3"
    assert {node.id for node in server.otherNodes} == {"s2", "s3"}
