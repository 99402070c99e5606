"""The one door to certificates: the cluster's CA, identities, and the contexts that use them.

An identity is the common name of a certificate: `server:s1`, `node:n1`, `user:admin`.
"""

import datetime as dt
import hashlib
import ipaddress
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from orb.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

SERVER_DNS_NAME: Final = "server.orb"
"""In every server's certificate, so that clients may reach servers under any address."""
CA_DAYS: Final = 3_650
LEAF_DAYS: Final = 825
CLOCK_SLACK_MINUTES: Final = 10
"""Certificates are valid that long before they are made: clocks of machines differ."""

CLUSTER_MARK_DIGITS: Final = 12
"""Enough that two clusters on one machine never share a mark."""

_Subject = tuple[tuple[tuple[str, str], ...], ...]


class Identity(NamedTuple):
    """Who a certificate speaks for. *kind* is server, node or user."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}"


def parse_identity(common_name: str) -> Identity:
    """Read a common name. Raises InvalidInput."""
    kind, colon, name = common_name.partition(":")
    if kind not in {"server", "node", "user"} or not colon or not name:
        raise InvalidInput(f"the certificate's common name {common_name!r} is no identity of Orb")
    return Identity(kind, name)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Where a party's three PEM files lie."""

    ca: Path
    certificate: Path
    key: Path

    @classmethod
    def in_directory(cls, directory: Path) -> "Credentials":
        """`ca.pem`, `cert.pem` and `key.pem` in *directory*."""
        return cls(directory / "ca.pem", directory / "cert.pem", directory / "key.pem")

    def check(self) -> None:
        """Raises NotFound, naming the file, if one is missing."""
        for path in (self.ca, self.certificate, self.key):
            if not path.is_file():
                raise NotFound(
                    f"the certificate file {path} does not exist",
                    remedy="make the cluster's certificates with `orbctl init`, or name the folder",
                )


def cluster_mark(ca: Path) -> str:
    """What tells one cluster's things on a machine from another's: the head of its CA's SHA-256."""
    der = ssl.PEM_cert_to_DER_cert(ca.read_text(encoding="ascii"))
    return hashlib.sha256(der).hexdigest()[:CLUSTER_MARK_DIGITS]


def validity(certificate: Path) -> tuple[dt.datetime, dt.datetime]:
    """From when until when a certificate counts, in UTC. Raises InvalidInput if it is none."""
    from cryptography import x509

    try:
        read = x509.load_pem_x509_certificate(certificate.read_bytes())
    except ValueError:
        raise InvalidInput(
            f"{certificate} is not a certificate", remedy="make new ones with `orbctl init`"
        ) from None
    return read.not_valid_before_utc, read.not_valid_after_utc


class Authority:
    """The cluster's CA: signs certificates for servers, nodes and users."""

    def __init__(self, certificate: "x509.Certificate", key: "ec.EllipticCurvePrivateKey") -> None:
        self._certificate = certificate
        self._key = key

    @classmethod
    def create(cls, cluster: str) -> "Authority":
        """A new CA with a key of its own."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"orb-ca:{cluster}")
        certificate = (
            _builder(name, name, key.public_key(), CA_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(sign_certificates=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        return cls(certificate, key)

    @classmethod
    def load(cls, directory: Path) -> "Authority":
        """The CA kept in *directory*. Raises NotFound."""
        from cryptography import x509
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        certificate, key = directory / "ca.pem", directory / "ca-key.pem"
        if not certificate.is_file() or not key.is_file():
            raise NotFound(f"there is no CA in {directory}", remedy="make one with `orbctl init`")
        private = load_pem_private_key(key.read_bytes(), password=None)
        if not isinstance(private, ec.EllipticCurvePrivateKey):
            raise InvalidInput(f"{key} is not the key of an Orb CA")
        return cls(x509.load_pem_x509_certificate(certificate.read_bytes()), private)

    def save(self, directory: Path) -> None:
        """Keep the CA in *directory*, its key readable by the owner only."""
        _write(directory / "ca.pem", _pem(self._certificate), 0o644)
        _write(directory / "ca-key.pem", _key_pem(self._key), 0o600)

    def issue(
        self, identity: Identity, directory: Path, addresses: Sequence[str] = ()
    ) -> Credentials:
        """Make a key and certificate for *identity* in *directory*, valid for *addresses* too."""
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.x509.oid import ExtendedKeyUsageOID

        key = ec.generate_private_key(ec.SECP256R1())
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        if identity.kind == "server":
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
        certificate = (
            _builder(_name(str(identity)), self._certificate.subject, key.public_key(), LEAF_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(sign_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(x509.SubjectAlternativeName(_names(identity, addresses)), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
            .sign(self._key, hashes.SHA256())
        )
        credentials = Credentials.in_directory(directory)
        _write(credentials.ca, _pem(self._certificate), 0o644)
        _write(credentials.certificate, _pem(certificate), 0o644)
        _write(credentials.key, _key_pem(key), 0o600)
        return credentials


def peer_contexts(credentials: Credentials) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The listening and the dialling side between servers: TLS 1.3, both sides show certificates.

    The name in the certificate is for the caller to check, with `common_name`.
    """
    credentials.check()
    contexts = []
    for protocol in (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT):
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(credentials.ca)
        context.load_cert_chain(credentials.certificate, credentials.key)
        contexts.append(context)
    return contexts[0], contexts[1]


def common_name(connection: ssl.SSLObject | ssl.SSLSocket) -> str:
    """The common name of the peer's verified certificate; empty if it has none."""
    subject = cast("_Subject", (connection.getpeercert() or {}).get("subject", ()))
    return next((value for group in subject for key, value in group if key == "commonName"), "")


def _name(common_name: str) -> "x509.Name":
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _names(identity: Identity, addresses: Sequence[str]) -> "list[x509.GeneralName]":
    from cryptography import x509

    dns = [f"{identity.name}.{identity.kind}.orb"]
    if identity.kind == "server":
        dns += [SERVER_DNS_NAME, "localhost"]
    names: list[x509.GeneralName] = []
    for address in addresses:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(address)))
        except ValueError:
            dns.append(address)
    return [*(x509.DNSName(name) for name in dict.fromkeys(dns)), *names]


def _key_usage(*, sign_certificates: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _builder(
    subject: "x509.Name", issuer: "x509.Name", key: "ec.EllipticCurvePublicKey", days: int
) -> "x509.CertificateBuilder":
    from cryptography import x509

    start = dt.datetime.now(dt.UTC)  # noqa: TID251 - certificates are dated by the wall clock
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start - dt.timedelta(minutes=CLOCK_SLACK_MINUTES))
        .not_valid_after(start + dt.timedelta(days=days))
    )


def _pem(certificate: "x509.Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: "ec.EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write whole or not at all, with the mode from the first moment on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
