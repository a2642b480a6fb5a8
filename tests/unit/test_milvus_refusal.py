"""What tells that Milvus refused a password, where the client itself says that the server is not reachable."""

import pytest

from init.engines.milvus_access import is_refusal


@pytest.mark.timeout(5)
def test_errors_that_are_each_other_s_causes_come_to_an_end() -> None:
    one, other = RuntimeError("server unavailable"), RuntimeError("attempt #2")
    one.__cause__, other.__cause__ = other, one
    assert not is_refusal(one)
    other.__context__ = ValueError("auth check failure, please check username and password")
    assert not is_refusal(one)
    other.__cause__ = None
    assert is_refusal(one)
