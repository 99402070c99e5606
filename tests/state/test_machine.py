"""The state machine as agreement sees it."""

from typing import TYPE_CHECKING

import pytest

from controlplane.state.codec import Format, decode_answer, encode_entry
from controlplane.state.commands import Applied, Entry, Refused, SetBrake
from controlplane.state.machine import Machine
from controlplane.state.tables import State
from orb.errors import StorageDamaged
from tests.factories import NOW
from tests.state.samples import the_state

if TYPE_CHECKING:
    from controlplane.raft.log import StateMachine

BRAKE = encode_entry(Entry(command=SetBrake(on=True), now=NOW))


def test_it_is_what_a_log_drives() -> None:
    machine: StateMachine = Machine()
    assert decode_answer(machine.apply(1, BRAKE)) == Applied(number=1)


def test_a_restore_keeps_the_object_that_readers_hold() -> None:
    source, target = Machine(the_state()), Machine()
    held = target.state
    target.restore(source.snapshot())
    assert target.state is held
    assert held.tasks == the_state().tasks
    assert list(target.snapshot()) == list(source.snapshot())


def test_a_damaged_snapshot_leaves_the_state_as_it_was() -> None:
    machine = Machine(the_state())
    with pytest.raises(StorageDamaged):
        machine.restore([b"nonsense"])
    assert machine.state == the_state()


def test_an_entry_that_cannot_be_read_halts_the_machine_for_good() -> None:
    machine = Machine()
    answer = decode_answer(machine.apply(5, Format(2).pack("entry", [])))
    assert isinstance(answer, Refused)
    assert "the entry 5 of the log cannot be applied" in machine.halted
    assert "version 2" in answer.why
    assert isinstance(decode_answer(machine.apply(6, BRAKE)), Refused)
    assert machine.state == State()
    with pytest.raises(StorageDamaged):
        machine.snapshot()
    machine.restore(Machine(the_state()).snapshot())
    assert machine.halted == ""
