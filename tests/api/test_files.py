"""Configs and secrets over the API: they are kept, listed by name, and never shown."""

from pathlib import Path
from typing import Any

import grpc
import pytest

from controlplane.api.files import configs, secrets
from controlplane.api.look import Filter
from orb.cluster import FileView
from orb.contents import CONTENT_BYTES_MAX, FileKind
from orb.spec import AppSpec
from orb.v1 import control_pb2 as pb
from orb.v1 import types_pb2
from orb.wire import to_message
from tests.api.looks import a_look
from tests.factories import NOW, a_grant, a_service_spec, an_app_with_files, with_files
from tests.serving import Serving, serve
from tests.state.samples import the_state_with_files


def a_shop() -> AppSpec:
    secret = a_grant("pass", b"", kind=FileKind.SECRET)
    return an_app_with_files(with_files(a_service_spec(), a_grant(), secret), external=("pass",))


def test_lists_say_who_uses_what_and_nothing_of_the_contents() -> None:
    look = a_look(the_state_with_files())
    config = FileView(
        environment="default",
        app="shop",
        name="site",
        digest="7692c3ad3540",
        size_bytes=3,
        users=("web",),
    )
    stored = FileView(
        environment="default",
        app="",
        name="outer",
        digest="",
        size_bytes=2,
        users=("shop.web",),
        changed_at=NOW,
        author="ann",
    )
    own = [
        FileView(
            environment="default",
            app="shop",
            name=name,
            digest="",
            size_bytes=size,
            external=external,
            users=("web",),
        )
        for name, size, external in (("pass", 6, False), ("out", 2, True))
    ]
    assert list(configs(look, Filter())) == [config]
    assert list(secrets(look, Filter())) == [stored, *own]
    assert list(secrets(look, Filter(name="outer"))) == [stored]
    assert list(secrets(look, Filter(environment="prod"))) == []
    assert list(secrets(look, Filter(app="shop", name="pass"))) == own[:1]


def test_a_stored_secret_rolls_its_users_and_stays_while_it_is_used(tmp_path: Path) -> None:
    async def story(served: Serving) -> list[Any]:
        control = served.control("user:ann")
        spec = to_message(a_shop(), types_pb2.AppSpec)
        request = pb.SetSecretRequest(name="pass", content=b"s3cret")
        made = [await control.SetSecret(request, timeout=10)]
        applied = await control.Apply(pb.ApplyRequest(spec=spec, contents=[b"one"]), timeout=10)
        made += [applied, await control.SetSecret(request, timeout=10)]
        request = pb.SetSecretRequest(name="pass", content=b"better")
        made.append(await control.SetSecret(request, timeout=10))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await control.RemoveSecret(pb.RemoveSecretRequest(name="pass"), timeout=10)
        described = await control.Describe(pb.DescribeRequest(name="web"), timeout=10)
        found = await control.Get(pb.GetRequest(kind=pb.KIND_EVENTS), timeout=10)
        return [*made, caught.value.details(), described, found]

    first, applied, same, changed, refusal, described, events = serve(tmp_path, story)
    assert (first.changed, list(first.changes)) == (True, [])
    assert applied.release == 1
    assert not same.changed
    assert list(changed.changes) == ["shop: release 2"]
    assert refusal == "pass is used by shop.web"
    assert [release.reason for release in described.releases] == ["secret pass changed", ""]
    for told in (applied, described, events):
        assert b"s3cret" not in told.SerializeToString()
        assert b"better" not in told.SerializeToString()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("../x", b"a", "is not a name for a secret"),
        ("pass", b"", "the secret is empty"),
        ("pass", b"x" * (CONTENT_BYTES_MAX + 1), "more than 512000 bytes"),
    ],
)
def test_what_cannot_be_a_secret_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    async def story(served: Serving) -> str:
        request = pb.SetSecretRequest(name=name, content=content)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await served.control().SetSecret(request, timeout=10)
        return caught.value.details() or ""

    assert message in serve(tmp_path, story)


def test_an_app_without_a_stored_secret_is_told_how_to_store_it(tmp_path: Path) -> None:
    async def story(served: Serving) -> str:
        spec = to_message(a_shop(), types_pb2.AppSpec)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await served.control().Apply(pb.ApplyRequest(spec=spec, contents=[b"one"]), timeout=10)
        return caught.value.details() or ""

    assert serve(tmp_path, story) == (
        "the environment default has no secret pass: store it with "
        "`orbctl secret set pass -e default`"
    )
