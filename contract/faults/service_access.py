"""Faults in how a service guards its keys, by the clause that must catch them."""

from collections.abc import Callable
from typing import Any

from contract.faults.edits import edited
from contract.faults.sandbox_harness import MutableSandbox, Step, mutation, replaces
from contract.faults.service_responses import change_status
from contract.faults.service_state import not_there
from contract.sandbox import Refusal, keys_in

Keys = tuple[str, str]


@replaces("authenticate")
def map_keys(change: Callable[[MutableSandbox, str, str], Keys], step: Step) -> Any:
    """Authenticate with other keys. A missing key is an empty text."""
    (environ,) = step.args
    api_key, app_key = change(step.sandbox, *keys_in(environ))
    changed = {"HTTP_DD_API_KEY": api_key, "HTTP_DD_APPLICATION_KEY": app_key}
    return step.proceed({**environ, **changed})


def keys_of(sandbox: MutableSandbox, api_key: str = "", app_key: str = "") -> Keys:
    """Return the keys that one of them belongs to, or two empty texts."""
    matches = (
        keys for keys in sandbox.orgs if keys[0] == api_key or keys[1] == app_key
    )
    return next(matches, ("", ""))


def optional(sandbox: MutableSandbox, api_key: str, app_key: str) -> Keys:
    """Return the keys of the API key if there is no application key."""
    return (api_key, app_key) if app_key else keys_of(sandbox, api_key)


def unswapped(sandbox: MutableSandbox, api_key: str, app_key: str) -> Keys:
    """Return the keys in the order in which they open an organization."""
    is_swapped = (app_key, api_key) in sandbox.orgs
    return (app_key, api_key) if is_swapped else (api_key, app_key)


def by_prefix(sandbox: MutableSandbox, api_key: str, app_key: str) -> Keys:
    keys = keys_of(sandbox, api_key)
    return keys if app_key and keys[1].startswith(app_key) else (api_key, app_key)


def mixed(sandbox: MutableSandbox, api_key: str, app_key: str) -> Keys:
    """Return the keys of an API key with the application key of any organization."""
    is_valid = keys_of(sandbox, app_key=app_key)[0]
    return keys_of(sandbox, api_key) if is_valid else (api_key, app_key)


def authenticate_late(step: Step) -> Any:
    """Check the keys after an update is done, for the organization of either key."""
    (environ,) = step.args
    try:
        return step.proceed()
    except Refusal:
        org = step.sandbox.orgs.get(keys_of(step.sandbox, *keys_in(environ)))
        if org is not None and environ["REQUEST_METHOD"] == "PATCH":
            step.sandbox.operate(org, environ)
        raise


def update_then_refuse(step: Step) -> Any:
    """Change the row of another organization and report that it is not there."""
    org, snapshot_id, environ = step.args
    row = step.sandbox.rows.get(snapshot_id)
    if row is None or row.org_id == org.org_id:
        return step.proceed()
    owners = (item for item in step.sandbox.orgs.values() if item.org_id == row.org_id)
    step.proceed(next(owners), snapshot_id, environ)
    raise not_there()


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
        "auth-app-key-unchecked": map_keys(
            lambda sandbox, api_key, _: keys_of(sandbox, api_key)
        ),
        "auth-app-key-optional": map_keys(optional),
        "auth-swapped-accepted": map_keys(unswapped),
        "auth-prefix": map_keys(by_prefix),
        "auth-pairs-mixed": map_keys(mixed),
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
