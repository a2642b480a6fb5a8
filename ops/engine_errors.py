"""What the container engine's client raises when the engine does not do what it was asked, or does not answer."""


def engine_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Return the exceptions, and others, for an `except`: nothing is imported unless there is one to be caught."""
    import requests
    import urllib3
    from docker.errors import DockerException

    return *others, DockerException, requests.RequestException, urllib3.exceptions.HTTPError


def told(error: Exception) -> str:
    """Return an error as part of a sentence: the engine's own words in one line, without what the client puts around them."""
    words = " ".join(str(getattr(error, "explanation", None) or error).split())
    return words.removesuffix(".") or type(error).__name__
