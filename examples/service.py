"""A web service over the stack: it remembers, recalls, forgets and keeps profiles, each request for one tenant.

After `make env` and `pip install ".[client,examples]"`: `uvicorn examples.service:app`, and http://127.0.0.1:8000/docs shows it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Annotated, Any

import structlog
from fastapi import Depends, FastAPI, Header, HTTPException, Request, Response, status
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from database import DatabaseManager
from database.errors import (
    Conflict,
    DatabaseError,
    EngineDisabled,
    InvalidInput,
    OperationTimeout,
    PoolExhausted,
    TooLarge,
    Unavailable,
)
from database.model import Memory, Profile
from database.outbox.write import Wait
from database.tenant import Tenant

_log: structlog.stdlib.BoundLogger = structlog.get_logger("service")
# The nearest of an error's kinds counts; what is not named is the service's own trouble.
_STATUS: dict[type, int] = {
    TooLarge: status.HTTP_413_CONTENT_TOO_LARGE,
    InvalidInput: status.HTTP_422_UNPROCESSABLE_CONTENT,
    Conflict: status.HTTP_409_CONFLICT,
    PoolExhausted: status.HTTP_503_SERVICE_UNAVAILABLE,
    Unavailable: status.HTTP_503_SERVICE_UNAVAILABLE,
    OperationTimeout: status.HTTP_504_GATEWAY_TIMEOUT,
    EngineDisabled: status.HTTP_501_NOT_IMPLEMENTED,
}
_RETRY_SECONDS = 1


class NewMemory(BaseModel):
    """What is to be remembered; `result` is JSON as text, `embedding` has 384 numbers and length 1."""

    user_id: str
    query: str
    result: str | None = None
    embedding: list[float] | None = None


class Written(BaseModel):
    """A memory's key: a text, for JavaScript's numbers do not hold it."""

    vector_id: str


class Question(BaseModel):
    """What is asked for, by text, by embedding or by both."""

    text: str | None = None
    embedding: list[float] | None = None
    user_id: str | None = None
    limit: int = 10


class Found(Written):
    """A memory that was found; a higher score is better."""

    user_id: str
    query: str
    result: str | None
    score: float


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open every client at the start, and close them at the end; an engine that is down keeps the service from nothing else."""
    async with DatabaseManager.from_env() as db:
        app.state.db = db
        yield


app = FastAPI(title="Memories", lifespan=lifespan)


def database(request: Request) -> DatabaseManager:
    """Return the manager that the lifespan has opened."""
    db: DatabaseManager = request.app.state.db
    return db


def tenant(db: Annotated[DatabaseManager, Depends(database)], x_tenant: Annotated[str, Header()]) -> Tenant:
    """Return whom a request is for. Here it says so itself; a real service takes it from a token that it has verified."""
    return Tenant(db, x_tenant)


@app.exception_handler(DatabaseError)
async def failed(_: Request, error: DatabaseError) -> JSONResponse:
    """Answer with an error's kind. Only what the caller can mend is told in words."""
    code = next((_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS), 500)
    told = f"{error.message}: {error.fix}" if code < status.HTTP_500_INTERNAL_SERVER_ERROR else HTTPStatus(code).phrase
    if code >= status.HTTP_500_INTERNAL_SERVER_ERROR:
        _log.error("failed", kind=type(error).__name__, engine=error.engine, message=error.message, fix=error.fix)
    content = {"error": type(error).__name__, "engine": error.engine, "detail": told}
    headers = {"Retry-After": str(_RETRY_SECONDS)} if code == status.HTTP_503_SERVICE_UNAVAILABLE else None
    return JSONResponse(content, code, headers)


@app.get("/health")
async def health(db: Annotated[DatabaseManager, Depends(database)], response: Response) -> dict[str, Any]:
    """Return how every engine is: 200 while the service can work, be it with less, 503 when it cannot."""
    found = await db.health()
    if found.status == "down":
        response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    return found.as_dict()


@app.post("/memories", status_code=status.HTTP_201_CREATED)
async def remember(memory: NewMemory, mine: Annotated[Tenant, Depends(tenant)], wait: Wait = "none") -> Written:
    """Remember something; with `wait=indexed` the answer comes once it can be recalled."""
    written = Memory(**memory.model_dump())
    await mine.memories.write(written, wait=wait)
    return Written(vector_id=str(written.vector_id))


@app.post("/recall")
async def recall(question: Question, mine: Annotated[Tenant, Depends(tenant)]) -> list[Found]:
    """Return what is remembered of that, the best first."""
    return [
        Found(
            vector_id=str(one.memory.vector_id),
            user_id=one.memory.user_id,
            query=one.memory.query,
            result=one.memory.result,
            score=one.score,
        )
        for one in await mine.recall.recall(**question.model_dump())
    ]


@app.delete("/memories/{vector_id}", status_code=status.HTTP_204_NO_CONTENT)
async def forget(vector_id: int, mine: Annotated[Tenant, Depends(tenant)], wait: Wait = "none") -> None:
    """Forget something; with `wait=indexed` the answer comes once it cannot be recalled."""
    if not await mine.memories.delete(vector_id, wait=wait):
        raise HTTPException(status.HTTP_404_NOT_FOUND, "there is no such memory")


@app.put("/profiles/{user_id}")
async def write_profile(user_id: str, profile: dict[str, Any], mine: Annotated[Tenant, Depends(tenant)]) -> Profile:
    """Write a profile over the one that there is."""
    async with mine.work() as work:
        return await work.profiles.put(Profile(user_id, profile))


@app.get("/profiles/{user_id}")
async def read_profile(user_id: str, mine: Annotated[Tenant, Depends(tenant)]) -> Profile:
    """Return a profile."""
    async with mine.work() as work:
        found = await work.profiles.get(user_id)
    if found is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, "the user has no profile")
    return found
