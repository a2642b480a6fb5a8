"""What is cut off is not sent again by a library: only the caller knows whether it may be repeated."""

import asyncio

import pytest

from database.clients.elasticsearch import ElasticsearchClient
from database.errors import Unavailable
from database.settings import ElasticsearchSettings

_INFO = b'{"name": "x", "cluster_name": "x", "version": {"number": "9.0.0"}, "tagline": "You Know, for Search"}'
_HEAD = (
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Elastic-Product: Elasticsearch\r\n"
    f"Content-Length: {len(_INFO)}\r\n\r\n"
)


def test_a_put_that_is_cut_is_sent_once() -> None:
    puts = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal puts
        while (head := await reader.readuntil(b"\r\n\r\n")).startswith(b"GET"):
            writer.write(_HEAD.encode() + _INFO)
            await writer.drain()
        puts += head.startswith(b"PUT")
        writer.close()

    async def scenario() -> None:
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            settings = ElasticsearchSettings.of({"ELASTICSEARCH_HOST": "127.0.0.1", "ELASTICSEARCH_PORT": str(port)})
            async with ElasticsearchClient(settings) as client:
                with pytest.raises(Unavailable):
                    await client.run("write", lambda one: one.create(index="a", id="1", document={"a": 1}))
            assert puts == 1

    asyncio.run(scenario())
