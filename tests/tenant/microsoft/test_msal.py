"""Microsoft's own client library, unmodified, against the simulated tenant.

Runs where login.microsoftonline.com and graph.microsoft.com lead to the tenant
on port 443 and REQUESTS_CA_BUNDLE names its certificate authority. Needs msal,
pyjwt[crypto] and requests on PYTHONPATH, and the seed contoso.json.

TENANT_CONTROL: path of the control socket. Prints a line per check; exit code 1
if one failed.
"""

import datetime
import os
import ssl
import sys
import threading
import warnings
from urllib.parse import quote

import jwt
import msal
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tenant_control import SECRET, SYNC, TENANT, certificate_pair, check, control, failures

LOGIN = "9e0c7b44-21f7-4b0e-b0a7-6f8f1c3d0003"
AUTHORITY = f"https://login.microsoftonline.com/{TENANT}"
GRAPH_SCOPE = ["https://graph.microsoft.com/.default"]
GRAPH = "https://graph.microsoft.com/v1.0"

# Seconds after which a device code that was approved must have been redeemed.
DEVICE_LIMIT = 60

def public():
    """A fresh application each time: msal keeps 400 answers for a minute."""
    return msal.PublicClientApplication(LOGIN, authority=AUTHORITY)


def confidential(secret=SECRET, client=SYNC):
    return msal.ConfidentialClientApplication(
        client, client_credential=secret, authority=AUTHORITY
    )


def code_of(result):
    return (result.get("error_codes") or [None])[0]


def client_credentials():
    result = confidential().acquire_token_for_client(GRAPH_SCOPE)
    token = result.get("access_token")
    check("client credentials give a token", bool(token), result)
    check("it lives 3599 seconds", result.get("expires_in") == 3599, result.get("expires_in"))
    claims = jwt.decode(token, options={"verify_signature": False})
    check(
        "it carries the granted roles",
        sorted(claims.get("roles", [])) == ["GroupMember.Read.All", "User.Read.All"],
        claims,
    )
    for name, secret, client, error, code in [
        ("a wrong secret", "wrong", SYNC, "invalid_client", 7000215),
        ("an expired secret", "sync-secret-value-expired", SYNC, "invalid_client", 7000222),
        ("an unknown client", "x", "11111111-2222-4333-8444-555555555555", "unauthorized_client", 700016),
    ]:
        result = confidential(secret, client).acquire_token_for_client(GRAPH_SCOPE)
        check(f"{name} is refused with {code}", (result.get("error"), code_of(result)) == (error, code), result)
    return token


def certificate_credentials():
    key, pem = certificate_pair()
    thumbprint = x509.load_pem_x509_certificate(pem.encode()).fingerprint(hashes.SHA1()).hex()
    forms = {
        "PS256 with x5t#S256": {"private_key": key, "public_certificate": pem},
        "RS256 with x5t": {"private_key": key, "thumbprint": thumbprint},
    }

    def ask(credential):
        return confidential(credential).acquire_token_for_client(GRAPH_SCOPE)

    for name, credential in forms.items():
        refused = ask(credential)
        check(
            f"a certificate nobody uploaded is refused with 700027 ({name})",
            (refused.get("error"), code_of(refused)) == ("invalid_client", 700027),
            refused,
        )
    control("PATCH", f"/apps/{SYNC}", {"certificates": [pem]})
    for name, credential in forms.items():
        result = ask(credential)
        check(f"a certificate gives a token ({name})", "access_token" in result, result)
    forged = ask({"private_key": certificate_pair()[0], "thumbprint": thumbprint})
    check("another key under its name is refused with 700027", code_of(forged) == 700027, forged)
    control("PATCH", f"/apps/{SYNC}", {"certificates": []})


def federated_credentials():
    key, certificate = certificate_pair()
    trust = {
        "issuer": "https://issuer.example",
        "subject": "host-1",
        "certificate": certificate,
    }
    control("PATCH", f"/apps/{SYNC}", {"federatedCredentials": [trust]})

    def ask(subject):
        now = int(datetime.datetime.now().timestamp())
        claims = {"iss": trust["issuer"], "sub": subject, "aud": "api://AzureADTokenExchange", "exp": now + 300}
        token = jwt.encode(claims, key, algorithm="RS256")
        return confidential({"client_assertion": token}).acquire_token_for_client(GRAPH_SCOPE)

    result = ask("host-1")
    check("a trusted provider's token gives a token", "access_token" in result, result)
    refused = ask("host-2")
    check("another subject is refused with 700213", code_of(refused) == 700213, refused)
    control("PATCH", f"/apps/{SYNC}", {"federatedCredentials": []})


MACHINE = "5c1f0c3e-7a0b-4d6e-9a53-3c8f7b1d0005"
ASSIGNED = "8d2a4b6c-1e3f-4a5b-8c7d-9e0f1a2b0006"


def managed_identity():
    """The metadata services of an Azure VM and of Azure Arc, at their real addresses."""

    def token(identity):
        # A cache of its own: none of these answers may come from the last one's.
        client = msal.ManagedIdentityClient(identity, http_client=requests.Session())
        return client.acquire_token_for_client(resource="https://graph.microsoft.com")

    for name, identity, client in [
        ("the machine's own identity", msal.SystemAssignedManagedIdentity(), MACHINE),
        ("an assigned identity", msal.UserAssignedManagedIdentity(client_id=ASSIGNED), ASSIGNED),
    ]:
        result = token(identity)
        claims = jwt.decode(result.get("access_token", ""), options={"verify_signature": False}) if "access_token" in result else {}
        check(f"{name} gets a token", claims.get("appid") == client, result)
        check(f"{name}'s token has its life", 3000 < result.get("expires_in", 0) <= 3600, result)
    result = token(msal.UserAssignedManagedIdentity(client_id=SYNC))
    check("an identity that the machine has not is refused", "error" in result, result)

    # As azcmagent sets them for services that it knows.
    os.environ["IDENTITY_ENDPOINT"] = "http://localhost:40342/metadata/identity/oauth2/token"
    os.environ["IMDS_ENDPOINT"] = "http://localhost:40342"
    try:
        result = token(msal.SystemAssignedManagedIdentity())
        check("Azure Arc's challenge is met", "access_token" in result, result)
    finally:
        del os.environ["IDENTITY_ENDPOINT"], os.environ["IMDS_ENDPOINT"]


def graph(token):
    headers = {"Authorization": f"Bearer {token}"}

    def get(path, **extra):
        return requests.get(f"{GRAPH}{path}", headers={**headers, **extra}, timeout=10)

    names, url, pages = [], f"{GRAPH}/users?$select=id,userPrincipalName&$top=10", 0
    while url and pages < 50:
        page = requests.get(url, headers=headers, timeout=10).json()
        names += [user["userPrincipalName"] for user in page["value"]]
        url, pages = page.get("@odata.nextLink"), pages + 1
    check("Graph lists all users in pages", pages > 2 and len(names) == len(set(names)) >= 30, (pages, len(names)))

    one = get("/users/" + quote("siobhan.o'brien@contoso.example", safe=""))
    check("a UPN with an apostrophe is found", one.json().get("displayName") == "Siobhán O'Brien", one.text)
    guest = get("/users/" + quote("anna_partner.example#EXT#@contoso.onmicrosoft.com", safe=""))
    check("a guest is found by UPN", guest.status_code == 200, guest.text)

    groups = get("/groups?$filter=displayName eq 'All Staff'&$select=id,displayName").json()["value"]
    check("a group is found by name", len(groups) == 1, groups)
    group = groups[0]["id"]
    direct = get(f"/groups/{group}/members").json()["value"]
    kinds = {member["@odata.type"] for member in direct}
    check("direct members are users and groups", kinds == {"#microsoft.graph.user", "#microsoft.graph.group"}, kinds)
    cast = f"/groups/{group}/transitiveMembers/microsoft.graph.user?$select=id,userPrincipalName&$count=true"
    everybody = get(cast, ConsistencyLevel="eventual").json()
    check("nested members are found", everybody["@odata.count"] == len(everybody["value"]) >= 15, everybody)
    check("the cast needs the advanced mode", get(cast.split("&$count")[0]).status_code == 400)

    refused = get("/organization")
    check("a role that is missing is 403", refused.status_code == 403
          and refused.json()["error"]["code"] == "Authorization_RequestDenied", refused.text)
    bad = requests.get(f"{GRAPH}/users", headers={"Authorization": "Bearer a.b.c"}, timeout=10)
    check("a bad token is 401", bad.status_code == 401
          and bad.json()["error"]["code"] == "InvalidAuthenticationToken", bad.text)

    control("PUT", "/page-size", {"n": 7})
    seen, url, pages = {}, f"{GRAPH}/groups/delta?$select=displayName,members", 0
    while "delta?" in url and "$deltatoken" not in url and pages < 50:
        page = requests.get(url, headers=headers, timeout=10).json()
        seen.update({item["id"]: item for item in page["value"]})
        url, pages = page.get("@odata.nextLink") or page["@odata.deltaLink"], pages + 1
    control("PUT", "/page-size", {"n": 200})
    check("a delta round ends with a delta link", "$deltatoken=" in url and pages > 2, (url, pages))
    check("it tells direct members", "members@delta" in seen[group], seen.get(group))
    nothing = requests.get(url, headers=headers, timeout=10).json()
    check("nothing changed since", nothing["value"] == [], nothing)
    control("POST", "/groups/All%20Staff/members", {"id": "mallory@contoso.example"})
    after = requests.get(url, headers=headers, timeout=10).json()["value"]
    check("a new member is told", [item["id"] for item in after] == [group]
          and len(after[0]["members@delta"]) == 1, after)


def password():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        app = public()
        result = app.acquire_token_by_username_password(
            "alice@contoso.example", "Correct-Horse-9", ["User.Read"]
        )
        check("a right password signs in", "id_token" in result, result)
        verified(result.get("id_token"))
        for name, secret, code, suberror in [
            ("alice@contoso.example", "wrong", 50126, None),
            ("bob@contoso.example", "Battery-Staple-7", 50076, "basic_action"),
            ("dave@contoso.example", "Disabled-Dave-1", 50057, None),
            ("nobody@contoso.example", "x", 50034, "bad_token"),
        ]:
            refused = public().acquire_token_by_username_password(name, secret, ["User.Read"])
            check(
                f"{name} is refused with {code}",
                (refused.get("error"), code_of(refused), refused.get("suberror"))
                == ("invalid_grant", code, suberror),
                refused,
            )
    account = app.get_accounts()[0]
    check("the account is alice's", account["username"] == "alice@contoso.example", account)
    again = app.acquire_token_silent(["User.Read"], account=account, force_refresh=True) or {}
    check("the refresh token refreshes", again.get("access_token") not in (None, result["access_token"]), again)
    me = requests.get(
        f"{GRAPH}/me", headers={"Authorization": f"Bearer {again.get('access_token')}"}, timeout=10
    )
    check("the token reads its own person", me.json().get("displayName") == "Alice Archer", me.text)


def verified(token):
    """The id token, verified by the published keys as any relying party would."""
    # PyJWKClient goes through urllib, which does not read REQUESTS_CA_BUNDLE.
    context = ssl.create_default_context(cafile=os.environ.get("REQUESTS_CA_BUNDLE"))
    configuration = requests.get(f"{AUTHORITY}/v2.0/.well-known/openid-configuration", timeout=10).json()
    keys = jwt.PyJWKClient(configuration["jwks_uri"], ssl_context=context)
    try:
        claims = jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token).key,
            algorithms=["RS256"],
            audience=LOGIN,
            issuer=configuration["issuer"],
        )
    except jwt.PyJWTError as error:
        check("the published keys verify the id token", False, error)
        return
    check("the published keys verify the id token", True)
    check(
        "it says who and where",
        claims.get("tid") == TENANT and claims.get("preferred_username") == "alice@contoso.example"
        and len(claims.get("oid", "")) == 36 and claims.get("ver") == "2.0",
        claims,
    )


def device_code():
    app = public()
    flow = app.initiate_device_flow(["User.Read"])
    check("a device code is given", "user_code" in flow and flow["user_code"] in flow["message"], flow)
    # msal polls at once: the first poll meets a pending code, the next an approved one.
    approval = threading.Timer(
        2.0, control, ("POST", f"/device-codes/{flow['user_code']}/approve", {"user": "bob@contoso.example"})
    )
    approval.start()
    deadline = flow["expires_at"] - flow["expires_in"] + DEVICE_LIMIT
    flow["expires_at"] = min(flow["expires_at"], deadline)
    result = app.acquire_token_by_device_flow(flow)
    approval.join()
    name = (result.get("id_token_claims") or {}).get("preferred_username")
    check("bob signs in by device code", name == "bob@contoso.example", result)

    app = public()
    flow = app.initiate_device_flow(["User.Read"])
    control("POST", f"/device-codes/{flow['user_code']}/decline")
    result = app.acquire_token_by_device_flow(flow)
    check("a declined code ends the wait", result.get("error") == "authorization_declined", result)

    app = public()
    flow = app.initiate_device_flow(["User.Read"])
    control("POST", f"/device-codes/{flow['user_code']}/expire")
    result = app.acquire_token_by_device_flow(flow)
    check("an expired code ends the wait", (result.get("error"), code_of(result)) == ("expired_token", 70020), result)


def main():
    print(f"msal {msal.__version__}, PyJWT {jwt.__version__}")
    graph(client_credentials())
    certificate_credentials()
    federated_credentials()
    managed_identity()
    password()
    device_code()
    print(f"{len(failures)} failed" if failures else "all good")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
