"""TEMPORARY stand-in until the images helper writes the real one (overwrite freely)."""

SERVICES = ("postgres", "redis", "elasticsearch", "etcd", "minio", "milvus", "toolbox")


def reference(service: str, source: str) -> str:
    """Return the development tag."""
    return f"ai-karen-db/{service}:dev"
