"""Microsoft's azure-identity, unmodified, against the simulated tenant.

Runs like test_msal.py: the real host names lead to the tenant on port 443,
REQUESTS_CA_BUNDLE names its authority, TENANT_CONTROL the control socket; needs
azure-identity and pyjwt[crypto] on PYTHONPATH. Prints a line per check; exit
code 1 if one failed.
"""

import datetime
import os
import sys
import tempfile

import azure.identity
import jwt
from azure.core.exceptions import ClientAuthenticationError

from tenant_control import SECRET, SYNC, TENANT, certificate_pair, check, control, failures

SCOPE = "https://graph.microsoft.com/.default"


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def refused(credential, code):
    """Whether the credential is refused with this AADSTS code."""
    try:
        credential.get_token(SCOPE)
    except ClientAuthenticationError as error:
        return f"AADSTS{code}" in str(error)
    return False


def secret():
    credential = azure.identity.ClientSecretCredential(TENANT, SYNC, SECRET)
    token = credential.get_token(SCOPE)
    claims = claims_of(token.token)
    check("a secret gives a token for the registration", claims["appid"] == SYNC, claims)
    check("it is not marked as capable of challenges", "xms_cc" not in claims, claims)
    capable = credential.get_token(SCOPE, enable_cae=True)
    claims = claims_of(capable.token)
    check("a capable client gets a capable token", claims.get("xms_cc") == ["CP1"], claims)
    check("which lives longer", capable.expires_on > token.expires_on + 3600, capable.expires_on)
    wrong = azure.identity.ClientSecretCredential(TENANT, SYNC, "wrong")
    check("a wrong secret is refused with 7000215", refused(wrong, 7000215))
    elsewhere = azure.identity.ClientSecretCredential(
        "00000000-1111-4222-8333-444444444444", SYNC, SECRET
    )
    try:
        elsewhere.get_token(SCOPE)
        check("an unknown tenant is refused", False)
    except (ClientAuthenticationError, ValueError) as error:
        check("an unknown tenant is refused", "AADSTS90002" in str(error) or "tenant" in str(error), error)


def certificate(folder):
    key, pem = certificate_pair()
    path = os.path.join(folder, "sync.pem")
    with open(path, "w", encoding="ascii") as file:
        file.write(key + pem)
    ask = lambda **extra: azure.identity.CertificateCredential(TENANT, SYNC, path, **extra)
    check("a certificate nobody uploaded is refused with 700027", refused(ask(), 700027))
    control("PATCH", f"/apps/{SYNC}", {"certificates": [pem]})
    token = ask().get_token(SCOPE).token
    check("a certificate gives a token", claims_of(token)["appid"] == SYNC)
    control("PATCH", f"/apps/{SYNC}", {"certificates": []})


def workload_identity(folder):
    key, pem = certificate_pair()
    trust = {"issuer": "https://issuer.example", "subject": "host-1", "certificate": pem}
    control("PATCH", f"/apps/{SYNC}", {"federatedCredentials": [trust]})
    path = os.path.join(folder, "token")

    def write(subject):
        now = int(datetime.datetime.now().timestamp())
        claims = {
            "iss": trust["issuer"], "sub": subject, "aud": "api://AzureADTokenExchange",
            "iat": now, "exp": now + 300,
        }
        with open(path, "w", encoding="ascii") as file:
            file.write(jwt.encode(claims, key, algorithm="RS256"))

    ask = lambda: azure.identity.WorkloadIdentityCredential(
        tenant_id=TENANT, client_id=SYNC, token_file_path=path
    )
    write("host-1")
    token = ask().get_token(SCOPE).token
    check("a trusted provider's token file gives a token", claims_of(token)["appid"] == SYNC)
    write("host-2")
    check("another subject is refused with 700213", refused(ask(), 700213))
    control("PATCH", f"/apps/{SYNC}", {"federatedCredentials": []})


def main():
    print(f"azure-identity {azure.identity.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        secret()
        certificate(folder)
        workload_identity(folder)
    print(f"{len(failures)} failed" if failures else "all good")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
