"""By which version a volume's data were written, and what a preview says about it; with an engine that is only told of."""

from types import SimpleNamespace
from typing import Any

import pytest

from components import volume_versions
from components.images import tagged_version
from components.naming import SERVICE_LABEL, STACK_LABEL, Naming
from components.settings import Settings
from components.versions import ENGINE_LABEL, is_older, major
from ops.for_stack import for_stack
from tests.unit.containers import refusal

NAMING = Naming(stack="prod")


class Engine:
    """Volumes by name with their labels, and of each service the names of the image that has its volume."""

    def __init__(self, volumes: dict[str, dict[str, str]], images: dict[str, list[str]] | None = None) -> None:
        self._volumes, self._images = volumes, images or {}

    def inspect_volume(self, name: str) -> dict[str, Any]:
        if name not in self._volumes:
            raise refusal(f"No such volume: {name}", 404)
        return {"Labels": self._volumes[name]}

    def volumes(self, *, filters: dict[str, Any]) -> dict[str, Any]:
        assert filters == {"label": f"{STACK_LABEL}=prod"}
        return {"Volumes": [{"Name": name} for name in self._volumes] or None}

    def containers(self, *, all: bool, filters: dict[str, Any]) -> list[dict[str, Any]]:  # noqa: A002 - the client's name
        service = next(one.partition("=")[2] for one in filters["label"] if one.startswith(SERVICE_LABEL))
        return [{"ImageID": service}] if service in self._images else []

    def inspect_image(self, image: str) -> dict[str, Any]:
        return {"RepoTags": self._images[image]}


def client(*arguments: Any) -> Any:
    return SimpleNamespace(api=Engine(*arguments))


def labelled(**versions: str) -> dict[str, dict[str, str]]:
    return {NAMING.data_volume(service, 1): {ENGINE_LABEL: version} for service, version in versions.items()}


def problems(engine: Any, **values: str) -> list[str]:
    settings = Settings.parse({"mode": "production", "imageSource": "build", **values})
    return list(volume_versions.problems(engine, "prod", settings))


def test_data_of_the_declared_versions_and_no_data_are_no_problem() -> None:
    assert problems(client({})) == []
    assert problems(client(labelled(postgres="17", redis="8", elasticsearch="9", etcd="3.5", milvus="2.3"))) == []


def test_older_data_are_named_with_the_command_that_brings_them_there() -> None:
    (sentence,) = problems(client(labelled(postgres="15", redis="8")))
    assert sentence == (
        "postgres: the data in the volume ai-karen-prod-postgres-data are of version 15, and the server would be of version 17. "
        "Fix: ./karen upgrade postgres"
    )


def test_newer_data_have_no_such_way() -> None:
    (sentence,) = problems(client(labelled(redis="9")))
    assert "cannot read them. Fix: use the checkout whose redis is of version 9" in sentence
    assert "karen upgrade" not in sentence


def test_milvus_and_its_stores_are_told_another_way() -> None:
    (sentence,) = problems(client(labelled(etcd="3.4")))
    assert "./karen backup create" in sentence
    assert "karen upgrade" not in sentence


def test_what_is_disabled_is_nobody_s_problem() -> None:
    assert problems(client(labelled(milvus="2.2", etcd="3.4")), enableMilvus="false") == []


def test_an_upgrade_that_was_cut_off_is_named_and_a_finished_one_looks_at_the_new_volume() -> None:
    (sentence,) = problems(client(labelled(postgres="15")), dataVolumes="postgres=1+")
    assert (
        "is not finished. Fix: ./karen upgrade postgres, which finishes it, or ./karen upgrade postgres --give-up"
        in sentence
    )
    volumes = {**labelled(postgres="15"), NAMING.data_volume("postgres", 2): {ENGINE_LABEL: "17"}}
    assert problems(client(volumes), dataVolumes="postgres=2-") == []


def later(number: int, service: str = "postgres", version: str = "17") -> dict[str, dict[str, str]]:
    return {NAMING.data_volume(service, number): {ENGINE_LABEL: version}}


@pytest.mark.parametrize("flag", [{}, {"enableRedis": "false"}])
@pytest.mark.parametrize("kept", [{}, {NAMING.data_volume("redis", 1): {}}])
def test_a_configuration_from_before_an_upgrade_does_not_begin_again_with_an_older_volume(
    kept: dict[str, dict[str, str]], flag: dict[str, str]
) -> None:
    (sentence,) = problems(client({**kept, **later(3, "redis", "8"), **later(2)}), dataVolumes="postgres=2", **flag)
    assert "ai-karen-db:dataVolumes is 'postgres=2'" in sentence
    assert "ai-karen-prod-redis-data-3 is there, which an upgrade has made later" in sentence
    assert "Fix: pulumi config set ai-karen-db:dataVolumes 'postgres=2 redis=3' --stack prod; or" in sentence
    assert for_stack(sentence, "prod") == sentence


def test_a_configuration_of_another_host_does_not_begin_with_an_empty_volume() -> None:
    (sentence,) = problems(client({**labelled(postgres="15")}), dataVolumes="postgres=2")
    assert "ai-karen-prod-postgres-data-2 is used, which is not there, and ai-karen-prod-postgres-data is." in sentence
    assert "Fix: pulumi config rm ai-karen-db:dataVolumes --stack prod; or" in sentence


def test_a_kept_volume_and_a_host_without_any_are_as_they_should_be() -> None:
    assert problems(client({**labelled(postgres="15"), **later(2)}), dataVolumes="postgres=2") == []
    assert problems(client({}), dataVolumes="postgres=2 redis=2-") == []
    others: dict[str, dict[str, str]] = {
        "ai-karen-prod-redis-database-2": {},
        "ai-karen-prod-redis-data-2-x": {},
        "x-ai-karen-prod-redis-data-2": {},
    }
    assert problems(client(others)) == []


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        (["ai-karen-db/postgres:15-4d32d2894f4e"], "15"),
        (["pgvector/pgvector:0.8.0-pg16"], "16"),
        (["somebody/else:3", "ai-karen-db/postgres:17-4d32d2894f4e"], "17"),
        (["somebody/else:3"], ""),
        ([], ""),
    ],
)
def test_of_a_volume_from_before_there_were_labels_the_image_of_its_container_tells(
    tags: list[str], found: str
) -> None:
    volume = NAMING.data_volume("postgres", 1)
    engine = client({volume: {}}, {"postgres": tags})
    assert volume_versions.found(engine, NAMING, "postgres", volume) == found
    assert volume_versions.found(client({volume: {}}), NAMING, "postgres", volume) == ""


@pytest.mark.parametrize(
    ("tag", "version"),
    [
        ("17-4d32d2894f4e", "17"), ("2026-02-12-96d39378e6a9", "2026-02-12"), ("9.4.3", "9.4.3"), ("v2.3.5", "2.3.5"),
        ("RELEASE.2025-09-07T16-13-09Z", "2025-09-07"), ("0.8.0-pg17", "17"),
    ],
)  # fmt: skip
def test_a_tag_tells_the_server_s_version(tag: str, version: str) -> None:
    assert tagged_version(tag) == version


def test_majors_are_compared_by_their_numbers() -> None:
    assert [
        major(*one) for one in (("postgres", "17.6"), ("milvus", "v2.3.5"), ("minio", "2026-02-12"), ("toolbox", "1"))
    ] == ["17", "2.3", "3", ""]
    assert is_older("9", "17")
    assert is_older("3.4", "3.5")
    assert not is_older("3.5", "3.5")
