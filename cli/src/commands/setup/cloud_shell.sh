#!/usr/bin/env bash
#
# Registers entra-login with a Microsoft Entra tenant, with the least it can do with.
#
# For the Azure Cloud Shell (bash), or any machine where `az login` was done. Save it
# there and run it; pasted line by line, its questions would swallow its own lines:
#
#     bash register.sh [OPTION...]          --help lists the options
#
# What it makes, and nothing else:
#   the "sync" registration    one tenant, confidential; application permissions
#                              User.Read.All and GroupMember.Read.All, granted; a secret
#   the "login" registration   one tenant, public client flows allowed; no application
#                              permission, no secret, no redirect URI; consent to openid
#                              and profile
#
# Who may run it: a Privileged Role Administrator or Global Administrator, because of
# the grants; all the rest an Application Administrator may do. Somebody else can finish
# what you began: run it again. A registration is found by its name; what is there stays
# as it is, what is missing is added, and no second secret is made unless you ask for it.
#
# The same by clicks, with reasons: docs/portal.md of entra-login.

set -euo pipefail
shopt -s inherit_errexit

# --- what may be asked for ------------------------------------------------------

sync_name='entra-login sync'
login_name='entra-login login'
credential=secret
secret_days=180
certificate=
permissions=(User.Read.All GroupMember.Read.All)
scopes=(openid profile)
assignment_required=no
assigned_groups=()
is_dod=no
ask=yes

usage() {
    cat <<'USAGE'
usage: bash register.sh [OPTION...]

  --sync-name NAME        name of the sync registration   (entra-login sync)
  --login-name NAME       name of the login registration  (entra-login login)

How hosts prove that they may act as the sync registration, one of:
  --secret-days DAYS      a secret that ends so many days from now  (180)
  --new-secret            another secret beside those that are there, to replace one
  --certificate FILE      this certificate (PEM) instead of a secret; its key stays where it is
  --no-credential         neither: you add a federated credential, or use a managed identity

  --hidden-memberships    also grant Member.Read.Hidden, for groups that hide their members
  --assignment-required   only people who are assigned to the login registration can sign in
  --assign GROUP-ID       assign this group (object id; may be repeated); implies the former

  --dod                   the tenant is in the US Government's DoD cloud
  --yes                   do not ask before beginning
USAGE
}

read_options() {
    while (($#)); do
        case $1 in
            --sync-name | --login-name | --secret-days | --certificate | --assign)
                (($# > 1)) || fail "$1 wants a value behind it."
                ;;
        esac
        case $1 in
            --sync-name) sync_name=$2; shift ;;
            --login-name) login_name=$2; shift ;;
            --secret-days) secret_days=$2; shift ;;
            --new-secret) credential=new-secret ;;
            --certificate) credential=certificate; certificate=$2; shift ;;
            --no-credential) credential=none ;;
            --hidden-memberships) permissions+=(Member.Read.Hidden) ;;
            --assignment-required) assignment_required=yes ;;
            --assign) assignment_required=yes; assigned_groups+=("$2"); shift ;;
            --dod) is_dod=yes ;;
            --yes) ask=no ;;
            --help | -h) usage; finished=yes; exit 0 ;;
            *) fail "$1 is not an option of this script; --help lists them." ;;
        esac
        shift
    done
    local name
    # Names go into JSON and into a filter: no quotes, no backslash.
    for name in "$sync_name" "$login_name"; do
        [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9\ ._-]*$ ]] ||
            fail "\"$name\" is no name that this script takes: letters, digits, blanks and . _ - only."
    done
    [[ $sync_name != "$login_name" ]] || fail 'The two registrations need two names.'
    [[ $secret_days =~ ^[1-9][0-9]{0,2}$ ]] || fail '--secret-days wants a number from 1 to 999.'
    [[ $credential != certificate || -r $certificate ]] || fail "$certificate can't be read."
    for name in "${assigned_groups[@]}"; do
        [[ $name =~ ^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$ ]] ||
            fail "--assign wants the group's object id, not \"$name\"."
    done
}

# --- talking --------------------------------------------------------------------

say() { printf '%s\n' "$*" >&2; }

# Ends the script with a sentence.
fail() {
    say "error: $*"
    explained=yes
    exit 1
}

finished=no
explained=no
step='reading the options'
errors=

# Whatever ends the script early, the last words say where.
# shellcheck disable=SC2317,SC2329 # A trap calls it.
ending() {
    [[ -z $errors ]] || rm -f "$errors"
    if [[ $finished == no && $explained == no ]]; then
        say "error: stopped while $step; see the lines above. Nothing that comes later was done."
        say 'hint: once that is mended, run this again: it goes on from here.'
    fi
}

# --- Microsoft Graph ------------------------------------------------------------

readonly GRAPH_APP=00000003-0000-0000-c000-000000000000 # Microsoft Graph's own, in every tenant

# graph METHOD PATH [ARGUMENT OF az rest...]: one call; a refusal is shown and explained.
graph() {
    call "$@" || refused
}

# The same for what refers to something that was made a moment ago: Entra answers from
# several copies of the directory, of which some learn of it seconds later.
graph_soon() {
    local tries
    for ((tries = 1; tries < 10; tries++)); do
        if call "$@"; then
            return
        fi
        ! grep -q Authorization_RequestDenied "$errors" || break
        say "  not known everywhere yet; trying again ($tries)"
        sleep 3
    done
    graph "$@"
}

call() {
    local method=$1 path=$2
    shift 2
    az rest --only-show-errors --method "$method" --url "$graph_url/v1.0/$path" \
        --resource "$graph_url" "$@" 2>"$errors"
}

refused() {
    cat "$errors" >&2
    if grep -q Authorization_RequestDenied "$errors"; then
        say "hint: $account may not do this. Grants need Privileged Role Administrator or Global"
        say '      Administrator, the rest Application Administrator. Was the role activated (PIM)?'
    fi
    return 1
}

# --- the tenant -----------------------------------------------------------------

look_around() {
    step='looking for the Azure CLI'
    command -v az >/dev/null || fail 'There is no az here. Run this in the Azure Cloud Shell (https://shell.azure.com).'
    errors=$(mktemp)

    step='asking which cloud and account the Azure CLI uses'
    graph_url=$(az cloud show --only-show-errors --query endpoints.microsoftGraphResourceId --output tsv)
    account=$(az account show --only-show-errors --query user.name --output tsv)
    graph_url=${graph_url%/}
    if [[ $is_dod == yes ]]; then
        graph_url=https://dod-graph.microsoft.us
    fi
    case $graph_url in
        https://graph.microsoft.com) cloud=public ;;
        https://graph.microsoft.us) cloud=us-gov ;;
        https://dod-graph.microsoft.us) cloud=us-gov-dod ;;
        https://microsoftgraph.chinacloudapi.cn) cloud=china ;;
        *) fail "entra-login does not know the cloud whose Graph is $graph_url." ;;
    esac

    step='asking for the tenant'
    local told
    told=$(graph GET organization --url-parameters "\$select=id,displayName,verifiedDomains" \
        --query 'value[0].[id, verifiedDomains[?isDefault].name | [0], displayName]' --output tsv)
    { read -r tenant && read -r domain && read -r tenant_name; } <<<"$told"

    step='looking up the permissions at Microsoft Graph'
    graph_principal=$(graph GET "servicePrincipals(appId='$GRAPH_APP')" --url-parameters "\$select=id" \
        --query id --output tsv)
    local name id
    role_ids=()
    for name in "${permissions[@]}"; do
        id=$(graph_id_of appRoles "$name" "contains(allowedMemberTypes, 'Application')")
        [[ -n $id ]] || fail "This tenant's Graph has no application permission $name."
        role_ids+=("$id")
    done
    scope_ids=()
    for name in "${scopes[@]}"; do
        id=$(graph_id_of oauth2PermissionScopes "$name" isEnabled)
        [[ -n $id ]] || fail "This tenant's Graph has no delegated permission $name."
        scope_ids+=("$id")
    done
}

# graph_id_of LIST NAME CONDITION: the id of a permission, as this tenant's Graph tells it.
graph_id_of() {
    graph GET "servicePrincipals/$graph_principal" --url-parameters "\$select=$1" \
        --query "$1[?value=='$2' && $3].id | [0]" --output tsv
}

ask_first() {
    say ''
    say "This changes the tenant \"$tenant_name\" ($domain, $tenant, cloud $cloud),"
    say "as $account:"
    say "  registration \"$sync_name\" with ${permissions[*]}, for the whole tenant"
    say "  registration \"$login_name\", public, with the consent of the organisation to ${scopes[*]}"
    say ''
    [[ $ask == yes ]] || return 0
    local answer=
    printf 'Go on? [y/N] ' >&2
    read -r answer || true
    case $answer in
        y | Y | yes) ;;
        *) explained=yes; say 'Nothing was changed.'; exit 1 ;;
    esac
}

# --- registrations --------------------------------------------------------------

# find_or_register NAME BODY: sets `object` and `client`.
find_or_register() {
    step="looking for the registration \"$1\""
    local found
    found=$(graph GET applications --url-parameters "\$filter=displayName eq '$1'" \
        "\$select=id,appId,signInAudience" --query 'value[].[id, appId, signInAudience]' --output tsv)
    if [[ $found == *$'\n'* ]]; then
        fail "There are several registrations called \"$1\". Rename the wrong ones, or name yours otherwise (--help)."
    fi
    if [[ -n $found ]]; then
        local audience
        IFS=$'\t' read -r object client audience <<<"$found"
        [[ $audience == AzureADMyOrg ]] ||
            fail "\"$1\" ($client) is not for this tenant alone ($audience): that is not one of this script's."
        say "found       registration \"$1\" ($client)"
        return
    fi
    step="registering \"$1\""
    found=$(graph POST applications --body "$2" --query '[[id, appId]]' --output tsv)
    IFS=$'\t' read -r object client <<<"$found"
    say "registered  \"$1\" ($client)"
}

# find_or_make_principal NAME CLIENT: sets `principal`, the registration's other half
# ("Enterprise application"), to which permissions are granted.
find_or_make_principal() {
    step="looking for the enterprise application of \"$1\""
    principal=$(graph GET servicePrincipals --url-parameters "\$filter=appId eq '$2'" "\$select=id" \
        --query 'value[0].id' --output tsv)
    if [[ -n $principal ]]; then
        return
    fi
    step="making the enterprise application of \"$1\""
    # The tag makes the portal list it among the enterprise applications.
    principal=$(graph_soon POST servicePrincipals --query id --output tsv \
        --body "{\"appId\": \"$2\", \"tags\": [\"WindowsAzureActiveDirectoryIntegratedApp\"]}")
    say "made        the enterprise application of \"$1\""
}

# wants TYPE ID...: the list "API permissions" that the portal shows.
wants() {
    local type=$1 entries='' id
    shift
    for id in "$@"; do
        entries+="${entries:+, }{\"id\": \"$id\", \"type\": \"$type\"}"
    done
    printf '"requiredResourceAccess": [{"resourceAppId": "%s", "resourceAccess": [%s]}]' "$GRAPH_APP" "$entries"
}

register_sync() {
    find_or_register "$sync_name" "{
        \"displayName\": \"$sync_name\",
        \"signInAudience\": \"AzureADMyOrg\",
        \"notes\": \"Linux hosts with entra-login read users and groups through this.\",
        $(wants Role "${role_ids[@]}")
    }"
    sync_object=$object sync_client=$client
    find_or_make_principal "$sync_name" "$sync_client"
    sync_principal=$principal

    local index granted
    step="looking at the permissions of \"$sync_name\""
    granted=$(graph_soon GET "servicePrincipals/$sync_principal/appRoleAssignments" \
        --query 'value[].appRoleId' --output tsv)
    for index in "${!permissions[@]}"; do
        if grep -qixF "${role_ids[index]}" <<<"$granted"; then
            say "found       the grant of ${permissions[index]}"
            continue
        fi
        step="granting ${permissions[index]} to \"$sync_name\""
        graph_soon POST "servicePrincipals/$sync_principal/appRoleAssignments" --output none --body "{
            \"principalId\": \"$sync_principal\",
            \"resourceId\": \"$graph_principal\",
            \"appRoleId\": \"${role_ids[index]}\"
        }"
        say "granted     ${permissions[index]} to \"$sync_name\""
    done
}

register_login() {
    find_or_register "$login_name" "{
        \"displayName\": \"$login_name\",
        \"signInAudience\": \"AzureADMyOrg\",
        \"isFallbackPublicClient\": true,
        \"notes\": \"People sign in to Linux hosts with entra-login through this.\",
        $(wants Scope "${scope_ids[@]}")
    }"
    login_object=$object login_client=$client
    step="looking at the client flows of \"$login_name\""
    if [[ $(graph_soon GET "applications/$login_object" --url-parameters "\$select=isFallbackPublicClient" \
        --query isFallbackPublicClient --output tsv) != true ]]; then
        step="allowing public client flows for \"$login_name\""
        graph PATCH "applications/$login_object" --output none --body '{"isFallbackPublicClient": true}'
        say "allowed     public client flows for \"$login_name\""
    fi
    find_or_make_principal "$login_name" "$login_client"
    login_principal=$principal
    consent_for_everybody
    [[ $assignment_required == no ]] || require_assignment
}

# Consent of the organisation, without which each person would be asked, or refused.
consent_for_everybody() {
    step="looking at the consent to \"$login_name\""
    local found grant='' granted='' name missing=
    found=$(graph_soon GET "servicePrincipals/$login_principal/oauth2PermissionGrants" --output tsv \
        --query "value[?consentType=='AllPrincipals' && resourceId=='$graph_principal'].[id, scope]")
    IFS=$'\t' read -r grant granted <<<"$found" || true
    for name in "${scopes[@]}"; do
        [[ " $granted " == *" $name "* ]] || missing+="${missing:+ }$name"
    done
    if [[ -z $missing ]]; then
        say "found       the consent to ${scopes[*]}"
        return
    fi
    step="consenting to $missing for \"$login_name\""
    if [[ -n $grant ]]; then
        graph PATCH "oauth2PermissionGrants/$grant" --output none \
            --body "{\"scope\": \"${granted:+$granted }$missing\"}"
    else
        graph_soon POST oauth2PermissionGrants --output none --body "{
            \"clientId\": \"$login_principal\",
            \"consentType\": \"AllPrincipals\",
            \"resourceId\": \"$graph_principal\",
            \"scope\": \"$missing\"
        }"
    fi
    say "consented   to $missing for \"$login_name\""
}

require_assignment() {
    step="looking at who may sign in through \"$login_name\""
    local group assigned
    if [[ $(graph GET "servicePrincipals/$login_principal" --url-parameters "\$select=appRoleAssignmentRequired" \
        --query appRoleAssignmentRequired --output tsv) != true ]]; then
        step="requiring assignment for \"$login_name\""
        graph_soon PATCH "servicePrincipals/$login_principal" --output none \
            --body '{"appRoleAssignmentRequired": true}'
        say "required    assignment for \"$login_name\""
    fi
    assigned=$(graph GET "servicePrincipals/$login_principal/appRoleAssignedTo" \
        --query 'value[].principalId' --output tsv)
    for group in "${assigned_groups[@]}"; do
        if grep -qixF "$group" <<<"$assigned"; then
            say "found       the assignment of group $group"
            continue
        fi
        step="assigning group $group to \"$login_name\""
        # The role of all zeros is what applications without roles of their own have.
        graph POST "servicePrincipals/$login_principal/appRoleAssignedTo" --output none --body "{
            \"principalId\": \"$group\",
            \"resourceId\": \"$login_principal\",
            \"appRoleId\": \"00000000-0000-0000-0000-000000000000\"
        }"
        say "assigned    group $group to \"$login_name\""
    done
}

# --- how hosts prove themselves -------------------------------------------------

secret=
secret_ends=

make_credential() {
    case $credential in
        none) ;;
        certificate) upload_certificate ;;
        new-secret) make_secret ;;
        secret)
            step="looking for secrets of \"$sync_name\""
            # The one that ends last; dates of this form sort as text.
            secret_ends=$(graph_soon GET "applications/$sync_object" --url-parameters "\$select=passwordCredentials" \
                --query 'sort(passwordCredentials[].endDateTime)[-1]' --output tsv)
            secret_ends=${secret_ends%%T*}
            if [[ -z $secret_ends ]]; then
                make_secret
            elif [[ $secret_ends < $(date -u +%F) ]]; then
                say "found       a secret that ended on $secret_ends; --new-secret makes another"
            else
                say "found       a secret that ends on $secret_ends; --new-secret makes another"
            fi
            ;;
    esac
}

make_secret() {
    step="making a secret for \"$sync_name\""
    secret_ends=$(date -u -d "+$secret_days days" +%F)
    # The value is told this once, and no file and no argument ever holds it here.
    secret=$(graph_soon POST "applications/$sync_object/addPassword" --query secretText --output tsv --body "{
        \"passwordCredential\": {
            \"displayName\": \"entra-login, $(date -u +%F)\",
            \"endDateTime\": \"${secret_ends}T00:00:00Z\"
        }
    }")
    [[ -n $secret ]] || fail 'The tenant made a secret and did not tell it. Remove it in the portal and run this again.'
    say "made        a secret that ends on $secret_ends"
}

upload_certificate() {
    step="reading $certificate"
    local fingerprint binary known
    fingerprint=$(openssl x509 -in "$certificate" -noout -fingerprint -sha1)
    fingerprint=${fingerprint##*=}
    fingerprint=${fingerprint//:/}
    binary=$(openssl x509 -in "$certificate" -outform DER | openssl dgst -sha1 -binary | base64)
    step="looking for certificates of \"$sync_name\""
    known=$(graph_soon GET "applications/$sync_object" --url-parameters "\$select=keyCredentials" \
        --query 'keyCredentials[].customKeyIdentifier' --output tsv)
    # Graph tells the fingerprint as hexadecimal digits or as base64.
    if grep -qixF -e "$fingerprint" -e "$binary" <<<"$known"; then
        say "found       the certificate $fingerprint"
        return
    fi
    step="uploading $certificate to \"$sync_name\""
    az ad app credential reset --only-show-errors --id "$sync_object" --cert "@$certificate" --append --output none
    say "uploaded    the certificate $fingerprint"
}

# --- what `entractl setup` asks for ---------------------------------------------

print_answers() {
    local how
    case $credential in
        certificate) how='--certificate-file /etc/entra-login/sync.crt --private-key-file /etc/entra-login/sync.key' ;;
        none) how='--federated-token-file FILE' ;;
        *) how="--client-secret-stdin --client-secret-expires $secret_ends" ;;
    esac
    say ''
    printf 'Tenant ID:                   %s\n' "$tenant"
    printf 'Domain:                      %s\n' "$domain"
    printf 'Cloud:                       %s\n' "$cloud"
    printf 'Client ID, sync:             %s\n' "$sync_client"
    printf 'Client ID, login:            %s\n' "$login_client"
    if [[ -n $secret ]]; then
        printf 'Client secret (shown once):  %s\n' "$secret"
    fi
    if [[ $credential == *secret ]]; then
        printf 'Client secret ends:          %s\n' "$secret_ends"
    fi
    printf '\nOn the host, "entractl setup" asks for these. Or all at once:\n\n'
    printf 'sudo entractl setup --non-interactive --tenant %s --domain %s --cloud %s --sync-client-id %s --login-client-id %s %s --no-import\n' \
        "$tenant" "$domain" "$cloud" "$sync_client" "$login_client" "$how"
    if [[ $credential == *secret ]]; then
        printf '\nIt reads the secret from its standard input: paste it, then Enter and Ctrl-D.\n'
    fi
    if [[ $assignment_required == yes ]]; then
        printf '\nOnly who is assigned to "%s" can sign in (Enterprise applications, Users and groups).\n' "$login_name"
    fi
}

main() {
    trap ending EXIT
    read_options "$@"
    look_around
    ask_first
    register_sync
    register_login
    make_credential
    print_answers
    finished=yes
}

# On one line with its end: the script is read whole before it does anything.
main "$@"; exit
