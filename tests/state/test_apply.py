"""The one door: batches, and the guard behind which nothing may ever happen."""

from typing import cast

from controlplane.state.apply import apply
from controlplane.state.commands import (
    COMMANDS_PER_BATCH_MAX,
    Applied,
    Batch,
    DeleteApp,
    Entry,
    Refused,
    SetBrake,
    Single,
)
from controlplane.state.tables import State
from orb.ids import AppKey
from tests.factories import NOW


def test_one_refused_command_of_a_batch_stops_no_other() -> None:
    state = State()
    gone = DeleteApp(app=AppKey("default", "shop"))
    batch = Batch(commands=(gone, SetBrake(on=True), SetBrake(on=True)))
    assert apply(state, Entry(command=batch, now=NOW), 1) == Applied(
        number=2,
        changed=True,
        parts=(
            Refused("there is no app shop", missing=True),
            Applied(number=1),
            Applied(changed=False),
        ),
    )


def test_a_batch_that_does_nothing_says_so() -> None:
    answer = apply(State(), Entry(command=Batch(commands=()), now=NOW), 1)
    assert answer == Applied(number=0, changed=False)


def test_a_batch_has_a_bound() -> None:
    batch = Batch(commands=(SetBrake(on=True),) * (COMMANDS_PER_BATCH_MAX + 1))
    state = State()
    assert apply(state, Entry(command=batch, now=NOW), 1) == Refused(
        "a batch of more than 20000 commands"
    )
    assert state == State(index=1)


def test_a_bug_inside_is_answered_and_told_but_never_raised() -> None:
    broken = cast("Single", DeleteApp(app=cast("AppKey", ["not", "a", "key"])))
    state = State()
    answer = apply(state, Entry(command=broken, now=NOW), 4)
    assert isinstance(answer, Refused)
    assert answer.why.startswith("internal: DeleteApp: TypeError")
    assert [event.kind for event in state.events] == ["internal"]
    assert state.index == 4
