"""What an agent may say."""

from dataclasses import replace

import pytest

from controlplane.dispatcher.checks import (
    FACTS_BYTES_MAX,
    PORTS_MAX,
    checked_facts,
    checked_report,
    size_of_facts,
    size_of_report,
)
from controlplane.state import codec
from controlplane.state.commands import Entry, RegisterNode, ReportTasks
from orb.errors import InvalidInput
from orb.ids import Millis, NodeName
from orb.resources import Resources
from orb.work import MESSAGE_CHARACTERS_MAX, BoundPort
from tests.factories import NOW, a_report, some_facts

N1 = NodeName("n1")
PORT = BoundPort(container=65_535, host=65_535, address="2001:db8:1234:5678:9abc:def0:1234:5678")


def test_facts_must_be_of_the_node_of_the_certificate() -> None:
    assert checked_facts(some_facts("n1"), N1) == some_facts("n1")
    with pytest.raises(InvalidInput, match="the agent calls itself 'n2', but"):
        checked_facts(some_facts("n2"), N1)


@pytest.mark.parametrize(
    "capacity", [Resources(-1, 0), Resources(0, -1), Resources(0, 0, {"gpu": -1})]
)
def test_no_amount_may_be_negative(capacity: Resources) -> None:
    with pytest.raises(InvalidInput, match="n1 claims a negative amount"):
        checked_facts(replace(some_facts("n1"), capacity=capacity), N1)


def test_facts_have_a_bound() -> None:
    labels = {f"label-{number}": "x" * 100 for number in range(200)}
    with pytest.raises(InvalidInput, match=f"take more than {FACTS_BYTES_MAX} bytes"):
        checked_facts(some_facts("n1", labels=labels), N1)


def test_a_long_message_is_cut_and_a_monstrous_report_refused() -> None:
    assert checked_report(a_report(1)) == a_report(1)
    long = a_report(1, message="x" * (MESSAGE_CHARACTERS_MAX + 5))
    assert checked_report(long).message == "x" * MESSAGE_CHARACTERS_MAX
    for monster in (
        replace(a_report(1), container_id="x" * 1_000),
        replace(a_report(1), ports=(PORT,) * (PORTS_MAX + 1)),
        replace(a_report(1), ports=(replace(PORT, address="x" * 1_000),)),
    ):
        with pytest.raises(InvalidInput, match="the report of task 1 is too large to be true"):
            checked_report(monster)


def test_sizes_are_never_below_what_the_log_takes() -> None:
    reports = [
        a_report(2**63 - 1, message="\N{GRINNING FACE}" * 1_000),
        replace(
            a_report(1),
            ports=(PORT,) * 50,
            image_id="sha256:" + "f" * 64,
            started_at=Millis(NOW),
            finished_at=Millis(NOW),
            exit_code=-(2**31),
        ),
    ]
    for report in reports:
        entry = Entry(command=ReportTasks(node=N1, reports=(report,)), now=NOW)
        assert len(codec.encode_entry(entry)) <= size_of_report(report)
    facts = some_facts("n1", labels={"\N{GRINNING FACE}" * 9: "x"}, volumes=("a.b.c",) * 100)
    entry = Entry(command=RegisterNode(facts=facts), now=NOW)
    assert len(codec.encode_entry(entry)) <= size_of_facts(facts) + 200
