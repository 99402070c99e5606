"""What environments allow, and how long they are remembered."""

from controlplane.state import environments, invariants, snapshots
from controlplane.state.apply import apply
from controlplane.state.commands import (
    Answer,
    Applied,
    ApplyApp,
    Command,
    DeleteApp,
    Entry,
    Refused,
    SetTrust,
)
from controlplane.state.tables import State
from orb.ids import AppKey
from orb.trust import Trust
from tests.factories import NOW, a_service_spec, an_app_spec

ALL = tuple(sorted(Trust))


def do(state: State, command: Command) -> Answer:
    answer = apply(state, Entry(command=command, now=NOW, author="ann"), state.index + 1)
    assert invariants.check(state) == []
    return answer


def test_all_is_allowed_except_in_production() -> None:
    names = ("default", "dev", "product", "prod", "prod-eu", "production")
    assert {name: environments.allowed(State(), name) for name in names} == {
        **dict.fromkeys(names[:3], ALL),
        **dict.fromkeys(names[3:], ()),
    }


def test_what_is_allowed_and_denied_adds_up() -> None:
    state = State()
    first = do(state, SetTrust(environment="prod", allow=("privileged", "devices")))
    again = do(state, SetTrust(environment="prod", allow=("devices",)))
    denied = do(state, SetTrust(environment="prod", deny=("privileged",)))
    assert first == Applied(number=1, details=("devices", "privileged"))
    assert again == Applied(changed=False, details=("devices", "privileged"))
    assert denied == Applied(number=1, details=("devices",))
    assert [event.message for event in state.events] == [
        "prod allows devices, privileged",
        "prod allows devices",
    ]


def test_a_word_that_nobody_knows_is_refused_and_nothing_is_made() -> None:
    state = State()
    answer = do(state, SetTrust(environment="prod", allow=("everything",)))
    assert answer == Refused(f"'everything' is none of {', '.join(ALL)}")
    assert state.environments == {}


def test_what_was_said_outlives_the_last_app() -> None:
    state = State()
    for environment in ("prod", "dev"):
        spec = an_app_spec(a_service_spec())
        do(state, ApplyApp(environment=environment, spec=spec))
    do(state, SetTrust(environment="prod", allow=("devices",)))
    for environment in ("prod", "dev"):
        do(state, DeleteApp(app=AppKey(environment, "shop")))
    back = snapshots.restored(snapshots.chunks(state))
    assert back.environments == state.environments
    assert list(state.environments) == ["prod"]
    assert environments.allowed(state, "prod") == ("devices",)
