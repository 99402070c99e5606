"""What orb-server is told, and what it makes of it."""

import pytest

from controlplane.config import read_config
from orb.config_kinds import Address, ServerAddress, parse_server
from orb.errors import InvalidInput
from orb.ids import ServerName


def test_a_server_alone_needs_only_its_name() -> None:
    config = read_config(["--name=s1"], {})
    assert config.members == {
        ServerName("s1"): ServerAddress(Address("127.0.0.1", 7400), Address("127.0.0.1", 7401))
    }
    assert config.client_listener == Address("127.0.0.1", 7400)


def test_it_listens_where_the_others_are_told_to_find_it_or_where_it_is_told() -> None:
    servers = "s1=10.0.0.1,s2=10.0.0.2:80,s3=[::1]:81:82"
    config = read_config(["--name=s3", "--listen=0.0.0.0:9"], {"ORB_SERVER_SERVERS": servers})
    assert config.members == {
        ServerName("s1"): ServerAddress(Address("10.0.0.1", 7400), Address("10.0.0.1", 7401)),
        ServerName("s2"): ServerAddress(Address("10.0.0.2", 80), Address("10.0.0.2", 7401)),
        ServerName("s3"): ServerAddress(Address("::1", 81), Address("::1", 82)),
    }
    assert config.client_listener == Address("0.0.0.0", 9)  # noqa: S104 - only read
    assert config.peer_listener == Address("::1", 82)


@pytest.mark.parametrize("text", ["", ":80", "h:x", "h:80:", "h:80:90:1", "[::1", "h:80:99999"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not"):
        parse_server(text)


@pytest.mark.parametrize(
    ("servers", "message"),
    [
        ("s2=h", "`servers` does not name this server, 's1': it has s2"),
        ("s1=h,s2=h", "`servers` gives the address h:7400 twice"),
        (",".join(f"s{n}=h{n}" for n in range(1, 9)), "`servers` names 8; at most 7 may be"),
        ("s1=h,S2=x", "'S2' is not a name"),
    ],
)
def test_servers_that_cannot_be_are_refused(servers: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_config(["--name=s1", f"--servers={servers}"], {})
    assert message in caught.value.message


def test_a_cluster_keeps_what_it_is_told() -> None:
    with pytest.raises(InvalidInput, match="`in-memory` is for one server"):
        read_config(["--name=s1", "--servers=s1=a,s2=b", "--in-memory"], {})
