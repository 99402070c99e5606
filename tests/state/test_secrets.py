"""Configs and secrets in the state: kept while something refers to them, and seen only by users."""

import pytest

from controlplane.state import invariants
from controlplane.state.apply import apply
from controlplane.state.commands import (
    Answer,
    Applied,
    ApplyApp,
    CreateTasks,
    DeleteApp,
    Entry,
    ReapTasks,
    Refused,
    RemoveSecret,
    ScaleService,
    SetSecret,
    Single,
)
from controlplane.state.tables import BLOBS_BYTES_MAX, RELEASES_PER_APP_MAX, State
from orb.contents import CONTENT_BYTES_MAX, FileKind, digest_of
from orb.ids import AppKey, ServiceKey
from orb.spec import AppSpec
from tests.factories import NOW, a_grant, a_service_spec, an_app_with_files, with_files

SHOP = AppKey("default", "shop")
WEB, DB = ServiceKey(*SHOP, "web"), ServiceKey(*SHOP, "db")


def do(state: State, command: Single, author: str = "ann") -> Answer:
    answer = apply(state, Entry(command=command, now=NOW, author=author), state.index + 1)
    assert invariants.check(state) == []
    return answer


def shop(site: bytes = b"one", *, stored: bool = False, image: str = "app:v1") -> AppSpec:
    """`web` sees the config `site`, and `db` nothing or the stored secret `pass`."""
    web = with_files(a_service_spec("web", image=image), a_grant(content=site))
    secret = a_grant("pass", b"", kind=FileKind.SECRET, target="/run/secrets/pass")
    db = with_files(a_service_spec("db"), *([secret] if stored else []))
    return an_app_with_files(db, web, external=("pass",))


def apply_shop(state: State, site: bytes = b"one", *, stored: bool = False) -> Answer:
    spec = shop(site, stored=stored)
    return do(state, ApplyApp(environment="default", spec=spec, contents=(site,)))


def set_pass(state: State, content: bytes) -> Answer:
    return do(state, SetSecret(environment="default", name="pass", content=content))


def test_a_changed_config_is_a_new_revision_of_its_users_alone() -> None:
    state = State()
    apply_shop(state)
    answer = apply_shop(state, b"two")
    assert answer == Applied(
        number=2, details=("web: config site at /site changed", "config site: changed")
    )
    assert (state.services[WEB].revision, state.services[DB].revision) == (2, 1)
    assert state.blobs == {digest_of(b"one"): b"one", digest_of(b"two"): b"two"}


def test_the_same_content_again_is_no_release() -> None:
    state = State()
    apply_shop(state)
    assert apply_shop(state) == Applied(number=1, changed=False)


def test_a_content_goes_with_its_last_reference() -> None:
    state = State()
    apply_shop(state)
    do(state, CreateTasks(service=WEB, revision=1, numbers=(1,), reason="new"))
    apply_shop(state, b"two")
    for replicas in range(RELEASES_PER_APP_MAX + 5):
        do(state, ScaleService(service=DB, replicas=replicas + 10))
    assert set(state.blobs.values()) == {b"one", b"two"}, "a task still runs the first revision"
    do(state, DeleteApp(app=SHOP))
    assert set(state.blobs.values()) == {b"one"}
    do(state, ReapTasks(tasks=tuple(state.tasks)))
    assert state.blobs == state.blob_uses == {}


def test_former_releases_keep_their_contents() -> None:
    state = State()
    for site in (b"one", b"two", b"three"):
        apply_shop(state, site)
    assert set(state.blobs.values()) == {b"one", b"two", b"three"}


def test_a_digest_alone_gives_nobody_a_content() -> None:
    state = State()
    apply_shop(state)
    thief = an_app_with_files(with_files(a_service_spec("web"), a_grant()), name="thief")
    assert do(state, ApplyApp(environment="default", spec=thief)) == Refused(
        "the content of a config or secret of thief did not come along"
    )
    own = shop(image="app:v2")
    assert isinstance(do(state, ApplyApp(environment="default", spec=own)), Applied), "its own"


def test_a_service_sees_nothing_that_its_app_does_not_have() -> None:
    spec = an_app_with_files(with_files(a_service_spec("web"), a_grant()))
    bare = AppSpec(name="shop", services=spec.services)
    answer = do(State(), ApplyApp(environment="default", spec=bare, contents=(b"one",)))
    assert answer == Refused("a service of shop sees a config or secret that the app does not have")


def test_a_stored_secret_must_be_there_and_counts_as_it_is_then() -> None:
    state = State()
    assert apply_shop(state, stored=True) == Refused(
        "the environment default has no secret pass: store it with "
        "`orbctl secret set pass -e default`"
    )
    assert set_pass(state, b"s3cret") == Applied()
    apply_shop(state, stored=True)
    (grant,) = state.services[DB].spec.task.container.files
    assert grant.digest == digest_of(b"s3cret")
    assert apply_shop(state, stored=True) == Applied(number=1, changed=False)


def test_a_changed_secret_is_a_release_that_rolls_its_users_alone() -> None:
    state = State()
    set_pass(state, b"s3cret")
    apply_shop(state, stored=True)
    assert set_pass(state, b"better") == Applied(number=1, details=("shop: release 2",))
    assert (state.services[WEB].revision, state.services[DB].revision) == (1, 2)
    made = state.releases[SHOP][2]
    assert (made.reason, made.author) == ("secret pass changed", "ann")
    assert made.changes == ("db: secret pass at /run/secrets/pass changed", "secret pass: changed")
    assert set_pass(state, b"better") == Applied(changed=False)


def test_a_secret_of_another_environment_is_another_one() -> None:
    state = State()
    set_pass(state, b"s3cret")
    apply_shop(state, stored=True)
    other = SetSecret(environment="prod", name="pass", content=b"of prod")
    assert do(state, other) == Applied()
    assert state.apps[SHOP].release == 1


def test_a_secret_in_use_is_not_removed() -> None:
    state = State()
    set_pass(state, b"s3cret")
    apply_shop(state, stored=True)
    removal = RemoveSecret(environment="default", name="pass")
    assert do(state, removal) == Refused("pass is used by shop.db")
    apply_shop(state)
    assert do(state, removal) == Applied(number=1)
    assert do(state, removal) == Refused("there is no secret pass", missing=True)


def test_what_is_too_large_is_refused() -> None:
    state = State()
    large = b"x" * (CONTENT_BYTES_MAX + 1)
    assert apply_shop(state, large) == Refused(
        "a config or secret has 512001 bytes; at most 512000 are allowed"
    )
    for number in range(BLOBS_BYTES_MAX // CONTENT_BYTES_MAX):
        content = number.to_bytes(2, "big") * (CONTENT_BYTES_MAX // 2)
        command = SetSecret(environment="default", name=f"s{number}", content=content)
        apply(state, Entry(command=command, now=NOW), state.index + 1)
    answer = apply_shop(state, b"y" * CONTENT_BYTES_MAX)
    assert isinstance(answer, Refused)
    assert "over the limit of 67108864" in answer.why
    assert state.apps == {}


@pytest.mark.parametrize(
    ("environment", "name", "content"), [("", "a", b"x"), ("e", "", b"x"), ("e", "a", b"")]
)
def test_a_secret_has_a_name_and_a_content(environment: str, name: str, content: bytes) -> None:
    command = SetSecret(environment=environment, name=name, content=content)
    assert isinstance(do(State(), command), Refused)


def test_no_word_of_a_content_is_in_events_changes_or_representations() -> None:
    state = State()
    set_pass(state, b"hunter2")
    apply_shop(state, stored=True)
    set_pass(state, b"hunter3")
    command = SetSecret(environment="default", name="pass", content=b"hunter3")
    told = [*state.events, *state.releases[SHOP].values(), command, state]
    assert not [one for one in told if "hunter" in repr(one)]
    assert not [one for one in told[:-2] if digest_of(b"hunter3") in getattr(one, "message", "")]
