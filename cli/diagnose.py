"""Why no server can be reached: looks at the certificates and the addresses, and names the cause.

gRPC says `UNAVAILABLE` for a wrong address, an expired certificate and a stranger's CA alike.
"""

import asyncio
import datetime as dt
import os
import ssl
from typing import Final, NamedTuple

from cli.contexts import Context
from orb.errors import InvalidInput
from orb.tls import SERVER_DNS_NAME, Credentials, validity

PROBE_S: Final = 1.0
"""How long one address is asked; they are asked side by side."""
ANSWER_BYTES: Final = 1
"""Enough to hear whether the server refuses our certificate: with TLS 1.3 it says so late."""


class Causes(NamedTuple):
    """What to tell the person."""

    message: str
    remedy: str


async def diagnose(context: Context) -> Causes:
    """Look at the certificates, then at every address."""
    dates = _dates(context)
    if dates is not None:
        return dates
    try:
        tls = _tls(Credentials.in_directory(context.certificates))
    except (ssl.SSLError, OSError) as error:
        return Causes(
            f"the certificates in {context.certificates} cannot be used: {error}",
            "cert.pem and key.pem must belong together; make new ones with `orbctl init`",
        )
    findings = await asyncio.gather(*(_probe(server, tls) for server in context.servers))
    lines = [
        f"  {server}: {finding}" for server, finding in zip(context.servers, findings, strict=True)
    ]
    message = "\n".join([f"no server of the context {context.name!r} can be reached", *lines])
    if any("certificate" in finding for finding in findings):
        return Causes(message, "is this the right context? `orbctl context list` shows them all")
    return Causes(message, "is it running? `orbctl dev status` shows a local cluster")


def _dates(context: Context) -> Causes | None:
    """A certificate of ours that is no longer, or not yet, valid."""
    now = dt.datetime.now(dt.UTC)  # noqa: TID251 - certificates are dated by the wall clock
    credentials = Credentials.in_directory(context.certificates)
    for path in (credentials.certificate, credentials.ca):
        try:
            start, end = validity(path)
        except InvalidInput as error:
            return Causes(error.message, error.remedy)
        if end < now:
            return Causes(
                f"the certificate {path} ended on {end.date()}",
                "make it anew with `orbctl init --renew`",
            )
        if start > now:
            return Causes(
                f"the certificate {path} is valid only from {start.isoformat(sep=' ')}",
                "is the clock of this machine right?",
            )
    return None


def _tls(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(credentials.ca)
    context.load_cert_chain(credentials.certificate, credentials.key)
    context.set_alpn_protocols(["h2"])
    return context


async def _probe(address: str, tls: ssl.SSLContext) -> str:
    """What goes wrong at one address, in a few words."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(PROBE_S):
            reader, writer = await asyncio.open_connection(
                host.strip("[]"), int(port), ssl=tls, server_hostname=SERVER_DNS_NAME
            )
            await reader.read(ANSWER_BYTES)
            writer.close()
    except TimeoutError:
        return f"no answer within {PROBE_S:.0f} s"
    except ssl.SSLCertVerificationError as error:
        return f"its certificate is not signed by our CA ({error.verify_message})"
    except ssl.SSLError as error:
        reason = (error.reason or str(error)).replace("_", " ").lower()
        return f"TLS failed: {reason} (does the server know the CA of our certificate?)"
    except OSError as error:
        return os.strerror(error.errno) if error.errno else str(error)
    return "it is reachable, but did not answer in time"
