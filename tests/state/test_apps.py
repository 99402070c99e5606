"""Apps and releases: one atomic step over all services."""

from dataclasses import replace

from controlplane.state import invariants
from controlplane.state.apply import apply
from controlplane.state.commands import (
    Answer,
    Applied,
    ApplyApp,
    AssignTasks,
    CreateTasks,
    DeleteApp,
    Entry,
    OpenService,
    ReapReplicas,
    ReapTasks,
    Refused,
    ReportTasks,
    ScaleService,
    SetReleaseStatus,
    Single,
)
from controlplane.state.tables import (
    APPS_MAX,
    RELEASES_PER_APP_MAX,
    App,
    Service,
    State,
)
from orb.ids import AppKey, Millis, NodeName, ServiceKey
from orb.lifecycle import Desired, ReleaseStatus, TaskState
from orb.resources import Resources
from orb.spec import AppSpec, Mode
from tests.factories import (
    NOW,
    a_node,
    a_replica,
    a_replica_key,
    a_report,
    a_service,
    a_service_key,
    a_service_spec,
    a_state_with,
    a_task,
    an_app_spec,
    some_resources,
)

SHOP = AppKey("default", "shop")
WEB = a_service_key()


def do(state: State, command: Single, *, after: int = 1_000, author: str = "ann") -> Answer:
    """Apply the command as the next entry, and see that the state is sound."""
    stamp = Entry(command=command, now=Millis(NOW + after), author=author)
    answer = apply(state, stamp, state.index + 1)
    assert invariants.check(state) == []
    return answer


def declare(spec: AppSpec, *, expected: int | None = None, reason: str = "") -> ApplyApp:
    return ApplyApp(environment="default", spec=spec, expected_release=expected, reason=reason)


def kinds(state: State) -> list[str]:
    return [event.kind for event in state.events]


def test_a_new_app_is_release_one_with_all_its_services() -> None:
    state = State()
    web, db = a_service_spec(), a_service_spec("db", replicas=1)
    answer = do(state, declare(an_app_spec(web, db), reason="first"))
    lines = ("db: added, 1 x app:v1", "web: added, 3 x app:v1")
    assert answer == Applied(number=1, details=lines)
    at = Millis(NOW + 1_000)
    assert state.apps == {SHOP: App(key=SHOP, release=1, created_at=at)}
    assert state.services == {
        ServiceKey(*SHOP, spec.name): Service(
            key=ServiceKey(*SHOP, spec.name), spec=spec, release=1, revision=1, created_at=at
        )
        for spec in (db, web)
    }
    release = state.releases[SHOP][1]
    assert (release.author, release.reason, release.status, release.changes) == (
        "ann",
        "first",
        ReleaseStatus.ROLLING,
        lines,
    )
    assert kinds(state) == ["release.made"]


def test_an_equal_spec_tries_a_failed_release_anew() -> None:
    state = State()
    do(state, ApplyApp(environment="default", spec=an_app_spec()))
    failed = SetReleaseStatus(app=SHOP, number=1, status=ReleaseStatus.FAILED, message="no image")
    do(state, failed)

    answer = do(state, ApplyApp(environment="default", spec=an_app_spec()))

    release = state.releases[SHOP][1]
    assert answer == Applied(number=1, details=("it had failed, and is tried again",))
    assert (release.status, release.message) == (ReleaseStatus.ROLLING, "")


def test_an_equal_spec_is_no_release_in_whatever_order_its_services_come() -> None:
    state = State()
    spec = an_app_spec(a_service_spec(), a_service_spec("db"))
    do(state, declare(spec))
    turned = replace(spec, services=tuple(reversed(spec.services)))
    assert do(state, declare(turned)) == Applied(number=1, changed=False)
    assert list(state.releases[SHOP]) == [1]


def test_a_new_image_makes_a_new_revision_of_that_service_only() -> None:
    state = State()
    do(state, declare(an_app_spec(a_service_spec(), a_service_spec("db"))))
    web = a_service_spec(image="app:v2")
    answer = do(state, declare(an_app_spec(web, a_service_spec("db"))))
    assert answer == Applied(number=2, details=("web: image app:v1 -> app:v2",))
    revisions = {key.service: (s.release, s.revision) for key, s in state.services.items()}
    assert revisions == {"db": (1, 1), "web": (2, 2)}
    assert state.releases[SHOP][1].status is ReleaseStatus.SUPERSEDED
    assert state.releases[SHOP][2].status is ReleaseStatus.ROLLING


def test_a_change_beside_the_task_is_a_release_but_no_revision() -> None:
    state = State()
    do(state, declare(an_app_spec(a_service_spec(replicas=3))))
    do(state, declare(an_app_spec(a_service_spec(replicas=5))))
    assert (state.services[WEB].release, state.services[WEB].revision) == (2, 1)


def test_a_service_that_is_no_longer_declared_goes_and_its_tasks_stop() -> None:
    state = a_state_with(
        a_node(),
        a_service(replicas=1),
        a_service("db", replicas=2),
        a_task(1, "db/1", node="n1"),
        a_task(2, "db/2"),
        a_task(3, "web/1", node="n1"),
    )
    answer = do(state, declare(an_app_spec(a_service_spec(replicas=1))))
    assert answer == Applied(number=2, details=("db: removed",))
    assert list(state.services) == [WEB]
    assert list(state.replicas) == [a_replica_key("web/1")]
    assert [(task.desired, task.state) for task in state.tasks.values()] == [
        (Desired.STOP, TaskState.RUNNING),
        (Desired.STOP, TaskState.STOPPED),
        (Desired.RUN, TaskState.RUNNING),
    ]
    assert state.tasks_at(NodeName("n1"))[0].stop_reason == "release 2 removes the service"


def test_a_task_keeps_its_spec_until_it_is_reaped() -> None:
    state = a_state_with(a_node(), a_service(replicas=1), a_task(1, "web/1", node="n1"))
    old = state.services[WEB].spec.task
    do(state, declare(an_app_spec(a_service_spec(replicas=1, image="app:v2"))))
    assert set(state.specs) == {(WEB, 1), (WEB, 2)}
    assert state.spec_of(state.tasks_in(a_replica_key())[0]) == old
    do(state, ReportTasks(node=NodeName("n1"), reports=(a_report(1, TaskState.STOPPED),)))
    do(state, OpenService(service=WEB, revision=2))
    assert set(state.specs) == {(WEB, 1), (WEB, 2)}
    do(state, ReapTasks(tasks=(state.tasks_in(a_replica_key())[0].id,)))
    assert set(state.specs) == {(WEB, 2)}


def test_the_spec_of_the_opened_revision_stays_until_the_next_is_opened() -> None:
    state = a_state_with(a_service(replicas=1))
    for image in ("app:v2", "app:v3"):
        do(state, declare(an_app_spec(a_service_spec(replicas=1, image=image))))
    assert set(state.specs) == {(WEB, 1), (WEB, 3)}
    assert do(state, OpenService(service=WEB, revision=3)) == Applied(number=1)
    assert set(state.specs) == {(WEB, 3)}


def test_only_the_current_revision_can_be_opened() -> None:
    state = a_state_with(a_service(release=2, revision=2, opened=1), specs={})
    state.specs[WEB, 1] = state.specs[WEB, 2]
    state.revisions_of_service[WEB][1] = None
    answer = do(state, OpenService(service=WEB, revision=1))
    assert answer == Refused("web is at revision 2")
    assert do(state, OpenService(service=WEB, revision=2)) == Applied(number=1)
    assert do(state, OpenService(service=WEB, revision=2)) == Applied(changed=False)


def test_a_deleted_app_may_come_back_while_its_old_tasks_still_stop() -> None:
    state = a_state_with(a_node(), a_service(replicas=1), a_task(1, "web/1", node="n1"))
    old = state.services[WEB].spec.task
    assert do(state, DeleteApp(app=SHOP)) == Applied(number=1)
    assert (state.apps, state.services, state.replicas, state.environments) == ({}, {}, {}, {})
    do(state, declare(an_app_spec(a_service_spec(replicas=1, image="app:v2"))))
    revision = state.services[WEB].revision
    assert revision == 2, "revision 1 is still that of the old task"
    do(state, CreateTasks(service=WEB, revision=revision, numbers=(1,), reason="new"))
    first, second = state.tasks_in(a_replica_key())
    assert (first.desired, second.desired) == (Desired.STOP, Desired.RUN)
    assert state.spec_of(first) == old
    assert state.spec_of(second).container.image == "app:v2"


def test_a_deleted_app_starts_again_at_release_one_once_nothing_is_left_of_it() -> None:
    state = a_state_with(a_service(release=4, revision=4), a_task(1, "web/1", revision=4))
    do(state, DeleteApp(app=SHOP))
    do(state, ReapTasks(tasks=tuple(state.tasks)))
    assert state.specs == {}
    assert do(state, declare(an_app_spec())) == Applied(
        number=1, details=("web: added, 3 x app:v1",)
    )


def test_an_app_that_does_not_exist_cannot_be_deleted() -> None:
    assert do(State(), DeleteApp(app=SHOP)) == Refused("there is no app shop", missing=True)


def test_an_environment_goes_with_its_last_app() -> None:
    state = State()
    do(state, declare(an_app_spec(name="shop")))
    do(state, declare(an_app_spec(name="blog")))
    do(state, DeleteApp(app=SHOP))
    assert list(state.environments) == ["default"]
    do(state, DeleteApp(app=AppKey("default", "blog")))
    assert state.environments == {}


def test_the_expected_release_must_be_the_current_one() -> None:
    state = State()
    assert do(state, declare(an_app_spec(), expected=1)) == Refused("shop is at release 0, not 1")
    assert isinstance(do(state, declare(an_app_spec(), expected=0)), Applied)
    other = an_app_spec(a_service_spec(replicas=1))
    assert do(state, declare(other, expected=0)) == Refused("shop is at release 1, not 0")
    assert isinstance(do(state, declare(other, expected=1)), Applied)


def test_what_no_state_may_hold_is_refused_whole() -> None:
    twice = replace(an_app_spec(), services=(a_service_spec(), a_service_spec()))
    below_zero = a_service_spec(needs=Resources(-1, 0))
    bad = {
        "shop names a service twice": declare(twice),
        "web has -1 replicas; 0 to 20000 are allowed": declare(
            an_app_spec(a_service_spec(replicas=-1))
        ),
        "web reserves a negative amount": declare(an_app_spec(below_zero)),
        "the reason has more than 1000 characters": declare(an_app_spec(), reason="x" * 1001),
        "an environment, an app and each service must have a name": declare(an_app_spec(name="")),
    }
    for why, command in bad.items():
        state = State()
        assert do(state, command) == Refused(why)
        assert state == State(index=1)


def test_there_is_a_bound_on_apps() -> None:
    state = State()
    key = AppKey("default", "old")
    state.apps = {
        AppKey("default", f"a{n}"): App(key=key, release=1, created_at=NOW) for n in range(APPS_MAX)
    }
    stamp = Entry(command=declare(an_app_spec()), now=NOW)
    assert apply(state, stamp, 1) == Refused("the cluster has 20000 apps, and no room for more")


def test_scaling_is_a_release_that_changes_nothing_but_the_count() -> None:
    state = State()
    do(state, declare(an_app_spec(a_service_spec(), a_service_spec("db"))))
    answer = do(state, ScaleService(service=WEB, replicas=7, reason="sale"))
    assert answer == Applied(number=2, details=("web: replicas 3 -> 7",))
    assert state.services[WEB].spec == a_service_spec(replicas=7)
    assert (state.releases[SHOP][2].reason, state.services[WEB].revision) == ("sale", 1)
    assert do(state, ScaleService(service=WEB, replicas=7)) == Applied(number=2, changed=False)


def test_scaling_what_cannot_be_scaled_is_refused() -> None:
    state = a_state_with(a_service(), a_service("agent", mode=Mode.GLOBAL))
    missing = ScaleService(service=a_service_key("nope"), replicas=1)
    assert do(state, missing) == Refused("there is no service nope", missing=True)
    everywhere = ScaleService(service=a_service_key("agent"), replicas=1)
    assert do(state, everywhere) == Refused("agent is global: it has one replica on every node")
    assert do(state, ScaleService(service=WEB, replicas=20_001)) == Refused(
        "a service has 0 to 20000 replicas, not 20001"
    )


def test_the_oldest_releases_go_and_the_current_one_stays() -> None:
    state = State()
    for count in range(RELEASES_PER_APP_MAX + 5):
        do(state, declare(an_app_spec(a_service_spec(replicas=count))))
    assert list(state.releases[SHOP]) == list(range(6, RELEASES_PER_APP_MAX + 6))


def test_a_release_that_is_not_rolling_has_said_its_last_word() -> None:
    state = a_state_with(a_service())
    done = SetReleaseStatus(app=SHOP, number=1, status=ReleaseStatus.DONE, message="all ready")
    assert do(state, done) == Applied(number=1)
    assert do(state, done) == Refused("release 1 is DONE, not ROLLING")
    assert do(state, replace(done, number=9)) == Refused("shop has no release 9", missing=True)
    assert state.releases[SHOP][1].message == "all ready"
    assert kinds(state) == ["release.done"]


def test_a_new_revision_forgives_failures() -> None:
    state = a_state_with(a_service(), a_replica("web/1", failures=(1, 2), failed_on=("n1", "n2")))
    do(state, declare(an_app_spec(a_service_spec(replicas=4))))
    assert state.replicas[a_replica_key()].failures == (1, 2)
    do(state, declare(an_app_spec(a_service_spec(replicas=4, image="app:v2"))))
    assert state.replicas[a_replica_key()] == a_replica("web/1")


def test_a_replica_is_reaped_only_when_nobody_asks_for_it_and_it_holds_nothing() -> None:
    state = a_state_with(
        a_node(),
        a_service(replicas=1),
        a_task(1, "web/1", node="n1", state=TaskState.FAILED),
        a_task(2, "web/2", node="n1", state=TaskState.STOPPED),
        a_task(3, "web/3", node="n1"),
    )
    keys = tuple(a_replica_key(f"web/{number}") for number in (1, 2, 3, 9))
    assert do(state, ReapReplicas(replicas=keys)) == Applied(number=1)
    assert [key.number for key in state.replicas] == [1, 3]
    assert list(state.tasks) == [1, 3]


def test_who_moves_nodes_between_two_plans_sees_the_resources_of_the_new_one() -> None:
    state = a_state_with(a_node(cpus=1), a_service(replicas=1))
    big = an_app_spec(a_service_spec(replicas=1, needs=some_resources(cpus=2)))
    do(state, declare(big))
    do(state, OpenService(service=WEB, revision=2))
    do(state, CreateTasks(service=WEB, revision=2, numbers=(1,), reason="update"))
    placing = AssignTasks(tasks=tuple(state.unplaced), nodes=(NodeName("n1"),))
    assert do(state, placing) == Applied(number=0, changed=False)
