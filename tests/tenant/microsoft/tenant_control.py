"""What the tests with Microsoft's clients share: the control socket, and checks."""

import datetime
import http.client
import json
import os
import socket

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

TENANT = "7d1c2f6e-94a3-4c0a-9a51-0f3be1c0a001"
SYNC = "3a6b1f0e-5c1d-4c58-8f3e-1f5f2a8d0002"
SECRET = "sync-secret-value-1"

failures = []


def check(name, holds, detail=""):
    print(f"{'ok    ' if holds else 'FAILED'} {name}" + ("" if holds else f": {detail}"), flush=True)
    if not holds:
        failures.append(name)


class ControlConnection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(os.environ["TENANT_CONTROL"])


def control(method, path, body=None):
    connection = ControlConnection("tenant", timeout=30)
    payload = None if body is None else json.dumps(body)
    connection.request(method, path, payload, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    value = json.loads(answer.read())
    connection.close()
    if answer.status != 200:
        raise RuntimeError(f"{method} {path}: {answer.status} {value}")
    return value


def requests_of(part, since):
    """Requests since a number whose path has this part."""
    return [entry for entry in control("GET", f"/requests?since={since}") if part in entry["path"]]


def last_request():
    return max((entry["sequence"] for entry in control("GET", "/requests")), default=0)


def certificate_pair():
    """PEM of a new key, and PEM of its certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sync")])
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()
