"""Certificates for the tests of the transport, and how coroutines are run as tests."""

import asyncio
import inspect
import ssl

import pytest

from orb.tls import Authority, Identity, peer_contexts

Contexts = dict[str, tuple[ssl.SSLContext, ssl.SSLContext]]


@pytest.fixture(scope="session")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> Contexts:
    """For each identity: the listening and the dialling side. `stranger` has another CA."""
    folder = tmp_path_factory.mktemp("tls")
    authority, other = Authority.create("test"), Authority.create("other")
    made: Contexts = {}
    for kind, name in (("server", "s1"), ("server", "s2"), ("server", "s9"), ("node", "s2")):
        key = name if kind == "server" else f"{kind}:{name}"
        made[key] = peer_contexts(authority.issue(Identity(kind, name), folder / kind / name))
    made["stranger"] = peer_contexts(other.issue(Identity("server", "s2"), folder / "stranger"))
    return made


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def test_…` on an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
