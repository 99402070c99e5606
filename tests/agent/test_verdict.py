from agent.verdict import (
    QUICK_FIRST_MS,
    UNTIL_FIRST_SUCCESS_MS,
    Health,
    check_for,
    fail,
    is_dead,
    succeed,
    wait_before_next,
)
from orb.ids import Millis
from orb.spec import Healthcheck, Port, Protocol, TaskSpec
from tests.factories import a_task_spec

CHECK = Healthcheck(
    test=("CMD", "ask"), interval_ms=Millis(1_000), retries=3, start_period_ms=Millis(5_000)
)


def failing(health: Health, *times: int, check: Healthcheck = CHECK) -> Health:
    for at in times:
        health = fail(check, health, "no", started_at=Millis(0), now=Millis(at))
    return health


def test_nobody_dies_within_the_start_period() -> None:
    health = failing(Health(), *range(0, 6_000, 100))

    assert (health.failures, health.ready, is_dead(CHECK, health)) == (0, False, False)


def test_after_the_start_period_one_failure_an_interval_counts() -> None:
    health = failing(Health(), *range(0, 7_950, 100))
    assert (health.failures, is_dead(CHECK, health)) == (2, False)

    health = failing(health, 8_000)
    assert is_dead(CHECK, health)


def test_the_first_good_answer_ends_the_start_period() -> None:
    health = failing(succeed(Health()), 1_000, 1_100, 1_200)

    assert is_dead(CHECK, health)


def test_a_task_loses_its_traffic_before_it_is_given_up() -> None:
    well = succeed(Health())

    assert [failing(well, *range(count)).ready for count in range(4)] == [True, True, False, False]
    assert [is_dead(CHECK, failing(well, *range(count))) for count in range(4)] == [
        False, False, False, True,
    ]  # fmt: skip


def test_a_good_answer_forgives_the_bad_ones() -> None:
    assert succeed(failing(succeed(Health()), 1, 2)) == Health(ready=True, was_ready=True, asked=4)


def test_a_check_without_retries_gives_up_at_the_first_failure() -> None:
    check = Healthcheck(test=("CMD", "ask"), retries=0)

    assert is_dead(check, failing(succeed(Health()), 1, check=check))


def test_a_starting_task_is_asked_often_and_then_at_its_interval() -> None:
    check = Healthcheck(
        test=("CMD", "ask"), interval_ms=Millis(10_000), start_interval_ms=Millis(500)
    )

    waits = [wait_before_next(check, Health(asked=asked)) for asked in (0, 1, 2, 3, 4, 1_000_000)]

    assert waits == [0, QUICK_FIRST_MS, 2 * QUICK_FIRST_MS, 4 * QUICK_FIRST_MS, 500, 500]
    assert wait_before_next(check, succeed(Health())) == 10_000


def test_no_check_makes_the_agent_ask_without_a_pause() -> None:
    check = Healthcheck(test=("CMD", "x"), interval_ms=Millis(0), start_interval_ms=Millis(0))

    assert wait_before_next(check, Health(asked=1)) == QUICK_FIRST_MS


def test_the_declared_check_goes_before_the_one_of_the_image() -> None:
    image = Healthcheck(test=("CMD", "image"))

    assert check_for(a_task_spec(healthcheck=CHECK), image) is CHECK
    assert check_for(a_task_spec(), image) is image
    assert check_for(a_task_spec(healthcheck=Healthcheck(test=("NONE",))), image) is None


def test_without_a_check_the_first_tcp_port_is_asked_and_kills_nobody_at_the_start() -> None:
    ports = (Port(target=53, protocol=Protocol.UDP), Port(target=80), Port(target=81))

    check = check_for(a_task_spec(ports=ports), None)

    assert check is not None
    assert (check.test, check.start_period_ms) == (("TCP", "80"), UNTIL_FIRST_SUCCESS_MS)


def test_a_task_without_check_and_ports_is_not_asked() -> None:
    disabled = TaskSpec(
        container=a_task_spec().container, ports=(Port(target=80),), healthcheck_disabled=True
    )

    assert check_for(a_task_spec(), None) is None
    assert check_for(disabled, CHECK) is None
