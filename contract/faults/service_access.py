"""Faults in how a service guards its keys, by the clause that must catch them."""

from collections.abc import Callable, Collection
from typing import Any

from contract.faults.edits import edited
from contract.faults.sandbox_harness import Step, mutation, replaces
from contract.faults.service_responses import change_status
from contract.faults.service_state import not_there
from contract.sandbox import Refusal, keys_in

Keys = tuple[str, str]
"""API key and application key. A missing one is an empty text."""


@replaces("authenticate")
def map_keys(change: Callable[[Keys, Keys, Collection[Keys]], Keys], step: Step) -> Any:
    """Authenticate with other keys.

    `change` gets the keys of a request, those of the organization of its API key, and
    the keys of each organization.
    """
    (environ,) = step.args
    keys, orgs = keys_in(environ), step.sandbox.orgs
    own = next((item for item in orgs if item[0] == keys[0]), ("", ""))
    api_key, app_key = change(keys, own, orgs)
    changed = {"HTTP_DD_API_KEY": api_key, "HTTP_DD_APPLICATION_KEY": app_key}
    return step.proceed({**environ, **changed})


def authenticate_late(step: Step) -> Any:
    """Check the keys after an update is done, for the organization of either key."""
    (environ,) = step.args
    try:
        return step.proceed()
    except Refusal:
        orgs, (api_key, app_key) = step.sandbox.orgs, keys_in(environ)
        owners = (
            orgs[keys] for keys in orgs if keys[0] == api_key or keys[1] == app_key
        )
        if (org := next(owners, None)) and environ["REQUEST_METHOD"] == "PATCH":
            step.sandbox.operate(org, environ)
        raise


def update_then_refuse(step: Step) -> Any:
    """Change the row of another organization and report that it is not there."""
    org, snapshot_id, environ = step.args
    row = step.sandbox.rows.get(snapshot_id)
    for owner in step.sandbox.orgs.values():
        if row and owner.org_id == row.org_id != org.org_id:
            step.proceed(owner, snapshot_id, environ)
            raise not_there()
    return step.proceed()


def key_in_error(step: Step) -> Any:
    try:
        return step.proceed()
    except Refusal as refusal:
        api_key, app_key = keys_in(*step.args)
        text = f"The key {app_key or api_key} opens no organization."
        raise Refusal(refusal.status, text) from None


def key_in_header(step: Step) -> Any:
    reply = step.proceed()
    reply.headers += (("X-Request-Key", keys_in(*step.args)[0]),)
    return reply


def key_in_body(step: Step) -> Any:
    reply, org = step.proceed(), step.args[0]
    edited(reply.value, "created_by", lambda _: f"{org.user} ({org.app_key})")
    return reply


ACCESS_MUTATIONS = {
    "S-AUTH": {
        "auth-app-key-unchecked": map_keys(lambda keys, own, orgs: own),
        "auth-app-key-optional": map_keys(
            lambda keys, own, orgs: keys if keys[1] else own
        ),
        "auth-swapped-accepted": map_keys(
            lambda keys, own, orgs: keys[::-1] if keys[::-1] in orgs else keys
        ),
        "auth-prefix": map_keys(
            lambda keys, own, orgs: (
                own if keys[1] and own[1].startswith(keys[1]) else keys
            )
        ),
        "auth-pairs-mixed": map_keys(
            lambda keys, own, orgs: own if keys[1] in [app for _, app in orgs] else keys
        ),
        "auth-400": change_status(401, 403, to=400),
        "auth-after-the-work": mutation(authenticate=authenticate_late),
    },
    "S-ORG": {
        "org-any-updates": mutation(
            find=lambda step: step.sandbox.rows.get(step.args[1]) or step.proceed()
        ),
        "org-any-sees": mutation(visible=lambda step: step.sandbox.rows.values()),
        "org-told-yet-changed": mutation(update=update_then_refuse),
    },
    "S-SECRET": {
        "secret-in-error": mutation(authenticate=key_in_error),
        "secret-in-header": mutation(answer=key_in_header),
        "secret-in-answer": mutation(update=key_in_body),
    },
}
