"""The log of one, in memory."""

import asyncio

import pytest

from controlplane.raft.local import LocalLog
from controlplane.raft.log import ENTRY_BYTES_MAX, Role
from orb.errors import TooLarge
from tests.raft.ledger import Ledger, Machine


async def test_what_is_proposed_is_applied_in_order_and_answered() -> None:
    machine = Machine("s1", Ledger())
    log = LocalLog(machine)
    answers = await asyncio.gather(*(log.propose(b"%d" % number) for number in range(3)))
    await log.barrier()
    assert answers == [b"2", b"3", b"4"]
    assert machine.rows == [(2, b"0"), (3, b"1"), (4, b"2")]
    assert (log.status().role, log.status().applied, log.status().quorum) == (Role.LEADER, 4, True)


async def test_a_giant_command_is_refused_before_it_is_proposed() -> None:
    log = LocalLog(Machine("s1", Ledger()))
    with pytest.raises(TooLarge, match="over the limit"):
        await log.propose(bytes(ENTRY_BYTES_MAX + 1))
    assert log.status().applied == 1


async def test_changes_come_at_once_and_after_each_change() -> None:
    log = LocalLog(Machine("s1", Ledger()))
    seen = []
    async for status in log.changes():
        seen.append(status.applied)
        if len(seen) == 2:
            break
        await log.propose(b"a")
    assert seen == [1, 2]
