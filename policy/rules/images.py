"""What a stack runs is what was looked at before."""

import re
from collections.abc import Iterator

from components.images import NAMESPACE
from policy.graph import IMAGE, Graph, Resource
from policy.rule import rule

# What is built here is named by the hash of what it is built from.
_BUILT = re.compile(rf"{NAMESPACE}/[a-z]+:[\w.-]+-[0-9a-f]{{12}}")


@rule(
    "image tag",
    IMAGE,
    reason="Without a tag, and with `latest`, the same program runs another server tomorrow.",
    fix="name a version in components/images.py.",
)
def image_tag(image: Resource, _: Graph) -> Iterator[str]:
    name = str(image.inputs.get("name"))
    tag = name.partition("@")[0].rpartition("/")[2].partition(":")[2]
    if not tag or tag == "latest":
        yield f"is {name}, which names no version"


@rule(
    "image digest",
    IMAGE,
    reason="A registry's tag can be moved to another image; a digest cannot.",
    fix="add `@sha256:…` to the reference in components/images.py.",
)
def image_digest(image: Resource, _: Graph) -> Iterator[str]:
    name = str(image.inputs.get("name"))
    if not _BUILT.fullmatch(name) and "@sha256:" not in name:
        yield f"is {name}, pinned by its tag only"


RULES = (image_tag, image_digest)
