"""A deadline for every request of pymilvus' client for threads, which waits without end for a server that says nothing."""

from collections.abc import Callable
from typing import Any

import grpc
from pymilvus.grpc_gen.milvus_pb2_grpc import MilvusServiceStub


class Deadline(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]
    """Gives requests that have none a deadline, in seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        """Send a request on, for gRPC."""
        if details.timeout is None:
            details = details._replace(timeout=self._seconds)
        return continuation(details, request)


def limit(client: Any, seconds: float) -> None:
    """Let no request of a client wait longer than that, unless its own `timeout` says so."""
    handler = client._handler
    handler._stub = MilvusServiceStub(grpc.intercept_channel(handler._final_channel, Deadline(seconds)))
