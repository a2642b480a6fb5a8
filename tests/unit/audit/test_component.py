"""The audit's key in the resource graph: a seed that is secret, and the public key that is not."""

from backup.keys import Signer
from tests.unit.graph import build


def test_the_seed_is_secret_and_its_public_key_is_an_output() -> None:
    graph, built = build("dev")
    outputs = built["outputs"]
    assert "audit-seed" in graph.of(":RandomBytes")
    assert outputs["audit"] == {"public": Signer(outputs["operations"]["audit"]["seed"]).public}
    assert built["secret"]["operations"]
    # Each key is for one thing.
    assert outputs["operations"]["audit"]["seed"] != outputs["operations"]["backups"]["signing"]
    assert outputs["operations"]["audit"]["seed"] not in repr([one.inputs for one in graph.registered])
