"""Exactly once: retries of numbered requests."""

from controlplane.state.apply import apply
from controlplane.state.clients import ANSWER_BYTES_MAX
from controlplane.state.commands import (
    Answer,
    Applied,
    ApplyApp,
    Batch,
    Command,
    Entry,
    Refused,
    SetBrake,
)
from controlplane.state.tables import CLIENTS_MAX, Client, State
from tests.factories import NOW, a_service_spec, an_app_spec


def ask(state: State, command: Command, sequence: int, client: str = "ann-1") -> Answer:
    stamp = Entry(command=command, now=NOW, client=client, sequence=sequence)
    return apply(state, stamp, state.index + 1)


def declare(replicas: int) -> ApplyApp:
    spec = an_app_spec(a_service_spec(replicas=replicas))
    return ApplyApp(environment="default", spec=spec)


def test_a_retry_gets_the_first_answer_and_changes_nothing() -> None:
    state = State()
    first = ask(state, declare(1), 1)
    other = ask(state, declare(2), 1, client="bob-1")
    assert other == Applied(number=2, details=("web: replicas 1 -> 2",))
    assert ask(state, declare(1), 1) == first
    assert state.events_seen == 3


def test_a_refusal_is_remembered_too() -> None:
    state = State()
    bad = declare(-1)
    assert ask(state, bad, 1) == ask(state, bad, 1)
    assert state.index == 2


def test_a_request_older_than_the_last_is_refused() -> None:
    state = State()
    ask(state, SetBrake(on=True), 5)
    assert ask(state, SetBrake(on=False), 4) == Refused(
        "request 4 of ann-1 is older than its last, 5"
    )
    assert state.brake_since == NOW


def test_requests_without_a_client_are_always_new() -> None:
    state = State()
    assert ask(state, SetBrake(on=True), 1, client="") == Applied(number=1)
    assert ask(state, SetBrake(on=True), 1, client="") == Applied(changed=False)
    assert state.clients == {}


def test_the_client_that_was_idle_longest_is_forgotten_first() -> None:
    state = State()
    idle = Client(sequence=1, answer=b"", used_at=NOW)
    state.clients = {f"c{number}": idle for number in range(CLIENTS_MAX)}
    ask(state, SetBrake(on=True), 2, client="c0")
    ask(state, SetBrake(on=True), 1, client="new")
    assert len(state.clients) == CLIENTS_MAX
    assert next(iter(state.clients)) == "c2"
    assert list(state.clients)[-2:] == ["c0", "new"]


def test_an_answer_that_is_too_long_is_kept_without_its_lists() -> None:
    state = State()
    batch = Batch(commands=tuple(SetBrake(on=bool(n % 2)) for n in range(20_000)))
    first = ask(state, batch, 1)
    assert isinstance(first, Applied)
    assert len(first.parts) == 20_000
    assert ask(state, batch, 1) == Applied(number=20_000, changed=True)
    assert len(state.clients["ann-1"].answer) < ANSWER_BYTES_MAX
