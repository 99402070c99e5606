import pytest

from controlplane.reconcilers.suitability import Suitability
from orb.ids import NodeName
from orb.spec import Placement
from tests.factories import a_node

NODE = a_node("n1", zone="a", labels={"disk": "ssd"}, arch="aarch64")
NODES = Suitability({NODE.name: NODE})


@pytest.mark.parametrize(
    ("placement", "expected"),
    [
        (Placement(), True),
        (Placement(constraints=("node.labels.disk == ssd", "node.zone == a")), True),
        (Placement(constraints=("node.labels.disk == ssd", "node.zone == b")), False),
        (Placement(constraints=("node.labels.gpu == yes",)), False),
        (Placement(constraints=("node.hostname in n1, n2",)), True),
        (Placement(constraints=("nonsense",)), False),
        (Placement(platform="linux/arm64"), True),
        (Placement(platform="linux/arm64/v8"), True),
        (Placement(platform="linux/amd64"), False),
        (Placement(platform="linux"), True),
        (Placement(platform="windows/arm64"), False),
    ],
)
def test_constraints_and_platform_decide(placement: Placement, *, expected: bool) -> None:
    assert NODES.suits(placement, NODE.name) is expected
    assert NODES.suits(placement, NODE.name) is expected, "and it says the same twice"


def test_a_node_that_does_not_exist_suits_nothing() -> None:
    assert not NODES.suits(Placement(), NodeName("n9"))
