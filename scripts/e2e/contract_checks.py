"""What Schemathesis holds the answers against beside its own checks; loaded by it, see `contract.py`.

Two of its own checks know less than the contract: one takes the tenant header for a credential, whose absence is 400 and not
401; the other takes every refusal of what the schema allows for a mistake, while some rules no schema can state.
"""

from __future__ import annotations

import os

import requests
import schemathesis

#: Fields whose rules depend on each other, on the clock, or on what is stored. `required_approvals` must be within reach of
#: the people there are; a time zone must be one that the database knows; a wish's name has 1 to 64 characters; a policy is
#: Cedar, and a text or an earlier version but not both.
BEYOND_A_SCHEMA = {
    "create_api_key": {"caller_id", "user_id", "owner_user_id", "role", "expires_at"},
    "create_approval": {"required_approvals"},
    "put_policies": {"cedar", "version"},
    "set_delegation": {"delegate_to", "until"},
    "simulate_policies": {"cedar", "version", "until"},
    "update_settings": {"time_zone", "notifications"},
}
#: What strict JSON refuses of numbers, texts and nesting, wherever they stand; no schema here says it again for each.
BEYOND_ANY_SCHEMA = tuple(
    f"The body is refused: {rule}"
    for rule in (
        "integers beyond 2^53-1",
        "number out of range",
        "the NUL character is not allowed",
        "lone leading surrogate",
        "nesting over 64 levels",
    )
)
#: What the check itself stands on, and no story may take away; and what stands there instead.
KEPT_IDS = set(os.environ["CONTRACT_KEPT_IDS"].split())
NOBODYS_ID = "019a9f00-0000-7000-8000-000000000001"
#: Operations that were found to want a credential; once is enough.
_GUARDED: set[str] = set()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Lets nothing but reading happen to the caller's own tenant, people and keys."""
    if case.method.upper() != "GET" and (case.path_parameters or {}).get("id") in KEPT_IDS:
        case.path_parameters["id"] = NOBODYS_ID


@schemathesis.check
def wants_a_credential(ctx, response, case):
    """What was answered with a success is 401 without its credential, and with one that is none."""
    operation = case.operation.definition.raw
    name = operation["operationId"]
    if response.status_code >= 300 or {} in operation.get("security", [{}]) or name in _GUARDED:
        return
    for credential in (None, "Bearer nobody", "Bearer cs_dev_0_0000000"):
        request = response.request.copy()
        request.headers.pop("Authorization", None)
        if credential:
            request.headers["Authorization"] = credential
        with requests.Session() as session:
            again = session.send(request, timeout=30)
        assert again.status_code == 401, f"{name} with {credential} is {again.status_code}"
        assert again.json()["error"]["code"] == "UNAUTHORIZED", again.text
    _GUARDED.add(name)


@schemathesis.check
def takes_what_the_schema_allows(ctx, response, case):
    """What the schema allows is not refused as invalid, but for the rules that it cannot state."""
    if response.status_code != 400 or case.meta is None or case.meta.generation.mode.is_negative:
        return
    error = response.json()["error"]
    details = error.get("details") or {}
    if error["code"] == "INVALID_CURSOR" or error["message"].startswith(BEYOND_ANY_SCHEMA):
        # Only a page's end makes a cursor.
        return
    name = case.operation.definition.raw["operationId"]
    if details.get("field") in BEYOND_A_SCHEMA.get(name, ()):
        return
    raise AssertionError(f"{name} refuses what its schema allows: {error['message']} ({details})")
