"""A certificate of this machine's own, for https in a local network: made once, kept, and renewed in time."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["StageCertificate", "stage_certificate"]

DAYS = 365  # browsers of Apple trust none that lasts longer than 825 days
RENEW_DAYS = 30
CERTIFICATE, KEY = "stage-certificate.pem", "stage-key.pem"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageCertificate:
    """A certificate and its key, on the disk.

    fingerprint: SHA-256 of the certificate, as browsers show it
    """

    certificate: Path
    key: Path
    fingerprint: str

    def context(self) -> ssl.SSLContext:
        """Return what a server needs to speak TLS with it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.certificate, self.key)
        return context


def stage_certificate(hosts: Sequence[str], folder: Path | None = None) -> StageCertificate:
    """Return the certificate for these names and addresses; a new one if the one that is kept does not hold for them.

    folder: where it is kept; by default the user's own settings
    """
    folder = folder or Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "collaparte"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = StageCertificate(certificate=folder / CERTIFICATE, key=folder / KEY, fingerprint="")
    wanted = dict.fromkeys(["localhost", "127.0.0.1", *hosts])
    kept = _kept(made)
    if kept is None or not _holds(kept, list(wanted)):
        known = [] if kept is None else _names(kept)
        kept = _make(made, list(dict.fromkeys([*wanted, *known[:16]])))
    raw = kept.public_bytes(serialization.Encoding.DER)
    digits = hashlib.sha256(raw).hexdigest().upper()
    pairs = ":".join(digits[i : i + 2] for i in range(0, len(digits), 2))
    return StageCertificate(certificate=made.certificate, key=made.key, fingerprint=pairs)


def _kept(made: StageCertificate) -> x509.Certificate | None:
    try:
        found = x509.load_pem_x509_certificate(made.certificate.read_bytes())
        key = serialization.load_pem_private_key(made.key.read_bytes(), None)
    except (OSError, ValueError):
        return None
    return found if found.public_key() == key.public_key() else None


def _names(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]


def _holds(certificate: x509.Certificate, hosts: Sequence[str]) -> bool:
    left = certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC)
    return left > datetime.timedelta(days=RENEW_DAYS) and set(hosts) <= set(_names(certificate))


def _make(made: StageCertificate, hosts: Sequence[str]) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Colla Parte on this machine")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName(list(map(_alternative, hosts))), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(made.key, secret)
    _write(made.certificate, certificate.public_bytes(serialization.Encoding.PEM))
    return certificate


def _alternative(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read."""
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    os.replace(part, path)
