"""What people mean by the names that they type."""

import pytest

from controlplane.api.names import Asked, resolve
from controlplane.state.tables import State
from orb.errors import InvalidInput, NotFound
from tests.factories import a_node, a_replica, a_service, a_state_with


@pytest.fixture
def state() -> State:
    return a_state_with(
        a_service("web", app="shop"),
        a_service("db", app="shop"),
        a_service("web", app="blog"),
        a_service("cache", app="cache"),
        a_service("web", app="shop", environment="prod"),
        a_service("n2", app="odd"),
        a_replica("web/3", app="shop"),
        a_replica("db/1", app="shop"),
        a_node("n1"),
        a_node("n2"),
    )


@pytest.mark.parametrize(
    ("name", "kind", "meaning"),
    [
        ("db", "", "service shop.db"),
        ("shop.web", "", "service shop.web"),
        ("shop.web/3", "", "replica shop.web/3"),
        ("db/1", "", "replica shop.db/1"),
        ("n1", "", "node n1"),
        ("shop", "", "app shop"),
        ("cache", "", "service cache.cache"),
        ("cache", "app", "app cache"),
        ("n2", "node", "node n2"),
        ("n2", "service", "service odd.n2"),
    ],
)
def test_a_name_means_one_thing(state: State, name: str, kind: str, meaning: str) -> None:
    assert str(resolve(state, Asked("default", name, kind))) == meaning


@pytest.mark.parametrize(
    ("asked", "message", "remedy"),
    [
        (
            Asked("default", "web"),
            "'web' may be service blog.web, service shop.web",
            "write the app too: shop.web",
        ),
        (
            Asked("default", "n2"),
            "'n2' may be service odd.n2, node n2",
            "say which kind of thing you mean",
        ),
        (
            Asked("", "shop.web"),
            "'shop.web' may be service shop.web, service shop.web",
            "say in which environment: default, prod",
        ),
        (
            Asked("default", "web", "pod"),
            "'pod' is none of service, replica, node, app",
            "",
        ),
        (Asked("default", "web/x"), "'web/x' names no replica", "write it as web/3"),
    ],
)
def test_an_ambiguous_or_malformed_name_is_explained(
    state: State, asked: Asked, message: str, remedy: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        resolve(state, asked)
    assert (caught.value.message, caught.value.remedy) == (message, remedy)


@pytest.mark.parametrize(
    ("asked", "message", "remedy"),
    [
        (
            Asked("default", "dbb"),
            "there is no service, replica, node or app 'dbb' in the environment 'default'",
            "did you mean 'db'?",
        ),
        (
            Asked("default", "db/7"),
            "there is no replica 'db/7' in the environment 'default'",
            "`orbctl get replicas db` lists them",
        ),
        (
            Asked("", "xyzzy", "app"),
            "there is no app 'xyzzy'",
            "`orbctl get services` lists what there is",
        ),
    ],
)
def test_an_unknown_name_gets_a_suggestion(
    state: State, asked: Asked, message: str, remedy: str
) -> None:
    with pytest.raises(NotFound) as caught:
        resolve(state, asked)
    assert (caught.value.message, caught.value.remedy) == (message, remedy)
