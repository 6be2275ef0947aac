"""Microsoft's msgraph-sdk, unmodified, against the simulated tenant.

Runs like test_azure_identity.py; SSL_CERT_FILE names the authority too. Needs
azure-identity, msgraph-sdk and deprecated on PYTHONPATH. Prints a line per
check; exit code 1 if one failed.
"""

import asyncio
import sys
import time

import httpx
from azure.identity import ClientSecretCredential
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph import GraphServiceClient
from msgraph._version import VERSION
from msgraph.generated.groups.delta.delta_request_builder import DeltaRequestBuilder as GroupsDelta
from msgraph.generated.groups.item.members.members_request_builder import MembersRequestBuilder
from msgraph.generated.groups.item.transitive_members.graph_user.graph_user_request_builder import (
    GraphUserRequestBuilder,
)
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.generated.models.user import User
from msgraph.generated.users.delta.delta_request_builder import DeltaRequestBuilder as UsersDelta
from msgraph.generated.users.item.check_member_groups.check_member_groups_post_request_body import (
    CheckMemberGroupsPostRequestBody,
)
from msgraph.generated.users.item.get_member_groups.get_member_groups_post_request_body import (
    GetMemberGroupsPostRequestBody,
)
from msgraph.generated.users.users_request_builder import UsersRequestBuilder
from msgraph_core.requests.batch_request_content import BatchRequestContent
from msgraph_core.requests.batch_request_item import BatchRequestItem

from tenant_control import (
    SECRET, SYNC, TENANT, check, control, failures, last_request, requests_of,
)

ALICE = "alice@contoso.example"
ROLES = [
    "User.Read.All", "GroupMember.Read.All", "Organization.Read.All", "Domain.Read.All",
    "Application.Read.All", "User.RevokeSessions.All",
]
GRAPH = "https://graph.microsoft.com/v1.0"
# Pages after which a round that has not ended never will.
MOST_PAGES = 500


def new_client():
    return GraphServiceClient(ClientSecretCredential(TENANT, SYNC, SECRET))


def options(builder, headers=(), **parameters):
    """A request's query parameters, and headers."""
    name = f"{builder.__name__}GetQueryParameters"
    configuration = RequestConfiguration(query_parameters=getattr(builder, name)(**parameters))
    for key, value in dict(headers).items():
        configuration.headers.add(key, value)
    return configuration


EVENTUAL = {"ConsistencyLevel": "eventual"}


async def error_of(call):
    """Status and code of a refusal."""
    try:
        await call
    except ODataError as error:
        return error.response_status_code, error.error.code
    return 200, None


async def everything(builder, page):
    """All items of a list."""
    items = list(page.value)
    for _ in range(MOST_PAGES):
        if not page.odata_next_link:
            return items
        page = await builder.with_url(page.odata_next_link).get()
        items += page.value
    raise RuntimeError("the list does not end")


async def delta_round(builder, page):
    """All entries of a delta round, the number of pages, and the delta link."""
    items = list(page.value)
    for pages in range(1, MOST_PAGES):
        if page.odata_delta_link:
            return items, pages, page.odata_delta_link
        page = await builder.with_url(page.odata_next_link).get()
        items += page.value
    raise RuntimeError("the round does not end")


async def lists(client):
    page = await client.users.get(options(
        UsersRequestBuilder, EVENTUAL, filter="accountEnabled eq true",
        select=["id", "displayName", "accountEnabled"], top=5, count=True,
    ))
    users = await everything(client.users, page)
    check("users come filtered, in pages, counted", len(page.value) == 5
          and page.odata_count == len(users) >= 30 and all(user.account_enabled for user in users),
          (page.odata_count, len(users)))
    page = await client.users.get(options(UsersRequestBuilder, count=True, top=1))
    check("a count needs the header", page.odata_count is None, page.odata_count)
    ends = {"filter": "endsWith(userPrincipalName,'@contoso.example')", "count": True}
    refusal = await error_of(client.users.get(options(UsersRequestBuilder, **ends)))
    check("an advanced filter needs the header", refusal == (400, "Request_UnsupportedQuery"), refusal)
    page = await client.users.get(options(UsersRequestBuilder, EVENTUAL, **ends))
    check("and works with it", page.odata_count > 20, page.odata_count)
    alice = await client.users.by_user_id(ALICE).get()
    check("a user is read by name", alice.display_name == "Alice Archer", alice)
    missing = await error_of(client.users.by_user_id("nobody@contoso.example").get())
    check("an unknown user is 404", missing == (404, "Request_ResourceNotFound"), missing)
    return alice


async def memberships(client, alice):
    groups = (await client.groups.get()).value
    staff = next(group for group in groups if group.display_name == "All Staff").id
    direct = (await client.groups.by_group_id(staff).members.get(
        options(MembersRequestBuilder, select=["id", "displayName"], top=999))).value
    kinds = {member.odata_type for member in direct}
    check("direct members are users and groups",
          kinds == {"#microsoft.graph.user", "#microsoft.graph.group"}, kinds)
    deep = (await client.groups.by_group_id(staff).transitive_members.get()).value
    check("nested members are found", len(deep) > len(direct), (len(deep), len(direct)))
    cast = client.groups.by_group_id(staff).transitive_members.graph_user
    people = await cast.get(options(GraphUserRequestBuilder, EVENTUAL, count=True))
    check("the SDK's cast gives people only", len(people.value) == people.odata_count
          and all(isinstance(one, User) and one.user_principal_name for one in people.value), people)
    user = client.users.by_user_id(alice.id)
    of = {group.id for group in (await user.transitive_member_of.get()).value}
    check("a user's groups have the nested one", staff in of, of)
    body = GetMemberGroupsPostRequestBody(security_enabled_only=False)
    ids = set((await user.get_member_groups.post(body)).value)
    check("getMemberGroups says the same", ids == of, (ids, of))
    other = next(group.id for group in groups if group.id not in of)
    body = CheckMemberGroupsPostRequestBody(group_ids=[staff, other])
    checked = (await user.check_member_groups.post(body)).value
    check("checkMemberGroups tells them apart", checked == [staff], checked)
    body = CheckMemberGroupsPostRequestBody(group_ids=[staff] * 21)
    refusal = await error_of(user.check_member_groups.post(body))
    check("of at most twenty", refusal[0] == 400, refusal)
    return staff


async def the_tenant(client):
    organization = (await client.organization.get()).value[0]
    check("the organization is the tenant", organization.id == TENANT
          and organization.verified_domains[0].name == "contoso.example", organization)
    domains = {domain.id: domain for domain in (await client.domains.get()).value}
    check("domains say who checks passwords",
          domains["partners.contoso.example"].authentication_type == "Federated", domains)
    own = await client.service_principals_with_app_id(SYNC).get()
    graph = await client.service_principals_with_app_id("00000003-0000-0000-c000-000000000000").get()
    names = {str(role.id): role.value for role in graph.app_roles}
    item = client.service_principals.by_service_principal_id(own.id)
    granted = (await item.app_role_assignments.get()).value
    roles = {names.get(str(one.app_role_id)) for one in granted}
    check("granted roles are named", roles == set(ROLES), roles)
    answer = await client.users.by_user_id(ALICE).revoke_sign_in_sessions.post()
    check("sessions are revoked", answer.value is True, answer)


async def deltas(client, staff):
    control("PUT", "/page-size", {"n": 7, "members": 2})
    users, pages, users_link = await delta_round(client.users.delta, await client.users.delta.get(
        options(UsersDelta, select=["displayName", "jobTitle", "accountEnabled"])))
    check("a users round ends with a delta link", pages > 3 and len(users) > 30, (pages, len(users)))
    groups, pages, groups_link = await delta_round(client.groups.delta, await client.groups.delta.get(
        options(GroupsDelta, select=["displayName", "members"])))
    rows = [row for group in groups if group.id == staff
            for row in group.additional_data.get("members@delta", [])]
    check("slices of a group add up", len(rows) == len({row["id"] for row in rows}) >= 6, rows)

    mallory = control("GET", "/users/mallory@contoso.example")["id"]
    walter = control("GET", "/users/walter@contoso.example")["id"]
    control("POST", "/changes", {"changes": [
        {"op": "changeUser", "user": ALICE, "set": {"jobTitle": "Chief"}},
        {"op": "deleteUser", "user": mallory},
        {"op": "addMember", "group": staff, "member": "walter@contoso.example"},
    ]})
    users, _, users_link = await delta_round(
        client.users.delta, await client.users.delta.with_url(users_link).get())
    by_id = {user.id: user for user in users}
    check("a removal is told", len(users) == 2
          and by_id[mallory].additional_data.get("@removed") == {"reason": "changed"}, by_id)
    changed = next(user for user in users if user.id != mallory)
    check("a change is told", changed.job_title == "Chief", changed)
    groups, _, groups_link = await delta_round(
        client.groups.delta, await client.groups.delta.with_url(groups_link).get())
    check("a new member is told, a soft-deleted one is silent", len(groups) == 1
          and len(groups[0].additional_data["members@delta"]) == 1, groups)
    control("POST", f"/users/{mallory}/restore")

    control("POST", "/delta/end", {"tokens": "links", "as": "resyncRequired"})
    refusal = await error_of(client.users.delta.with_url(users_link).get())
    check("a link that ended is 410", refusal == (410, "resyncRequired"), refusal)
    control("PUT", "/delta", {
        "emptyPages": True, "replays": True, "order": "shuffled", "slices": "interleaved",
        "bareSlices": True, "removedAtFirst": True,
    })
    odd, pages, _ = await delta_round(client.groups.delta, await client.groups.delta.get(
        options(GroupsDelta, select=["displayName", "members"])))
    again = {str(row["id"]) for group in odd if group.id == staff
             for row in group.additional_data.get("members@delta", []) if "@removed" not in row}
    check("the oddest round tells the same members",
          again == {str(row["id"]) for row in rows} | {walter}, again)
    control("PUT", "/delta", {
        "emptyPages": False, "replays": False, "order": "time", "slices": "together",
        "bareSlices": False, "removedAtFirst": False,
    })
    control("PUT", "/page-size", {"n": 200, "members": 500})


async def batches(client):
    content = BatchRequestContent()
    for number, name in [("1", ALICE), ("2", "no@x.example")]:
        information = client.users.by_user_id(name).to_get_request_information()
        content.add_request(number, BatchRequestItem(information, id=number))
    answer = await client.batch.post(batch_request_content=content)
    statuses = answer.get_response_status_codes()
    check("a batch answers each item", statuses == {"1": 200, "2": 404}, statuses)
    # The SDK gives no body that is a JSON object: bodies are looked at below.
    kind = answer.get_response_by_id("1").content_type
    check("with its headers", kind is not None and kind.startswith("application/json"), kind)

    # What the SDK would not send.
    token = ClientSecretCredential(TENANT, SYNC, SECRET).get_token("https://graph.microsoft.com/.default")
    get = lambda name, url="/groups?$top=1", **extra: {"id": name, "method": "GET", "url": url, **extra}

    def post(*requests):
        headers = {"Authorization": f"Bearer {token.token}"}
        return httpx.post(f"{GRAPH}/$batch", json={"requests": requests}, headers=headers, timeout=30)

    items = post(get("1", "/users/no@x.example"), get("2", dependsOn=["1"]), get("3")).json()["responses"]
    statuses = {item["id"]: item["status"] for item in items}
    codes = {item["id"]: item["body"].get("error", {}).get("code") for item in items}
    check("bodies are objects", codes == {"1": "Request_ResourceNotFound", "2": "FailedDependency", "3": None}, codes)
    check("what depends on a failure is 424", statuses == {"1": 404, "2": 424, "3": 200}, statuses)
    check("an id used twice is 400", post(get("1"), get("1")).status_code == 400)
    check("twenty-one are 400", post(*[get(str(one)) for one in range(21)]).status_code == 400)


async def throttling(client):
    for form in ["seconds", "date"]:
        control("PUT", "/throttle", {"quota": 3, "window": 3, "retryAfter": form})
        mark, began = last_request(), time.monotonic()
        for _ in range(3):
            await client.users.by_user_id(ALICE).get()
        took = time.monotonic() - began
        control("DELETE", "/throttle")
        seen = requests_of("/users/", mark)
        refused = [entry for entry in seen if entry["status"] == 429]
        resent = [entry for entry in seen if "retry-attempt" in entry["headers"]]
        check(f"the client waits as long as told ({form}) and comes back",
              took > 3 and len(refused) == len(resent) >= 1, (took, len(refused), len(resent)))


async def challenge(client):
    await client.organization.get()
    control("POST", f"/apps/{SYNC}/challenge")
    mark = last_request()
    await client.organization.get()
    statuses = [entry["status"] for entry in requests_of("/organization", mark)]
    tokens = requests_of("/oauth2/", mark)
    check("a challenge is met with a new token and the call again", statuses == [401, 200], statuses)
    check("the token was asked for with the challenge's claims", len(tokens) == 1
          and "nbf" in tokens[0]["form"]["claims"], tokens)


async def synthetic(client):
    control("POST", "/synthetic", {"users": 1000, "groups": 20})
    control("PUT", "/page-size", {"n": 999})
    users, pages, link = await delta_round(
        client.users.delta, await client.users.delta.get(options(UsersDelta, select=["displayName"])))
    check("synthetic people are told", len({user.id for user in users}) > 1000 and pages == 2, (len(users), pages))
    control("POST", "/synthetic/changes", {"start": 100, "rename": 20, "remove": 10})
    users, _, _ = await delta_round(client.users.delta, await client.users.delta.with_url(link).get())
    removed = [user for user in users if "@removed" in user.additional_data]
    check("their changes too", (len(users), len(removed)) == (30, 10), (len(users), len(removed)))


async def main():
    print(f"msgraph-sdk {VERSION}")
    denied = await error_of(new_client().organization.get())
    check("a role that is missing is 403", denied == (403, "Authorization_RequestDenied"), denied)
    control("PATCH", f"/apps/{SYNC}", {"roles": ROLES})
    client = new_client()
    alice = await lists(client)
    staff = await memberships(client, alice)
    await the_tenant(client)
    await deltas(client, staff)
    await batches(client)
    await throttling(client)
    await challenge(client)
    await synthetic(client)
    print(f"{len(failures)} failed" if failures else "all good")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
