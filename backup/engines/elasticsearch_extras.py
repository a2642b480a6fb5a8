"""What is in the cluster's state and belongs to the user: templates, ingest pipelines, lifecycle policies and stored scripts.

What Elasticsearch manages itself (`_meta.managed`) is left out. A restore puts what the set has, and leaves what else is there.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from elastic_transport import ApiError
from elasticsearch import Elasticsearch

_JSON = {"accept": "application/json"}
# A distribution without a module answers so to the module's paths.
_UNKNOWN = "no handler found"
# Each kind with its path, in the order in which they are put: later ones name earlier ones.
_PATHS = {
    "scripts": "/_scripts",
    "lifecycles": "/_ilm/policy",
    "pipelines": "/_ingest/pipeline",
    "component_templates": "/_component_template",
    "index_templates": "/_index_template",
    "templates": "/_template",
}
_TOLD_BY_THE_SERVER = ("created_date", "modified_date", "created_date_millis", "modified_date_millis")


def export(client: Elasticsearch) -> dict[str, dict[str, Any]]:
    """Return everything by kind and name, as it is put again."""
    lists = {kind: _get(client, path) for kind, path in _PATHS.items() if kind != "scripts"}
    found = {
        "scripts": {name: {"script": body} for name, body in _scripts(client).items()},
        "lifecycles": {name: {"policy": one["policy"]} for name, one in lists["lifecycles"].items()},
        "pipelines": lists["pipelines"],
        "component_templates": _named(lists["component_templates"], "component_templates", "component_template"),
        "index_templates": _named(lists["index_templates"], "index_templates", "index_template"),
        "templates": lists["templates"],
    }
    return {kind: {name: _own(one) for name, one in all_.items() if not _managed(one)} for kind, all_ in found.items()}


def put(client: Elasticsearch, extras: Mapping[str, Mapping[str, Any]]) -> None:
    """Put everything, in place of what has the same name."""
    for kind, path in _PATHS.items():
        for name, body in extras.get(kind, {}).items():
            client.perform_request(
                "PUT",
                f"{path}/{quote(name, safe='')}",
                body=body,
                headers={**_JSON, "content-type": "application/json"},
            )


def _get(client: Elasticsearch, path: str) -> dict[str, Any]:
    try:
        return dict(client.perform_request("GET", path, headers=_JSON).body)
    except ApiError as error:
        if error.meta.status == 404 or _UNKNOWN in str(error):
            return {}
        raise


def _scripts(client: Elasticsearch) -> dict[str, Any]:
    parameters = {"filter_path": "metadata.stored_scripts"}
    state = client.perform_request("GET", "/_cluster/state/metadata", params=parameters, headers=_JSON).body
    scripts = state.get("metadata", {}).get("stored_scripts", {})
    return {name: {key: value for key, value in body.items() if value != {}} for name, body in scripts.items()}


def _named(answer: Mapping[str, Any], of: str, body: str) -> dict[str, Any]:
    return {one["name"]: one[body] for one in answer.get(of, ())}


def _managed(one: Mapping[str, Any]) -> bool:
    meta = one.get("_meta") or one.get("policy", {}).get("_meta") or {}
    return bool(meta.get("managed"))


def _own(one: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in one.items() if key not in _TOLD_BY_THE_SERVER}
