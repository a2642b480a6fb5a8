"""Memories: one normalised vector per remembered exchange; its primary key is PostgreSQL's memory.vector_id.

This file is read as a literal and never executed.
"""

COLLECTION = {
    "name": "memory_embeddings_v001",
    "alias": "memory_embeddings",
    "about": "One normalised vector per remembered exchange, keyed as in PostgreSQL's table memory",
    "fields": [
        {"name": "vector_id", "type": "INT64", "is_primary": True, "auto_id": False},
        {"name": "tenant_id", "type": "VARCHAR", "max_length": 64},
        {"name": "user_id", "type": "VARCHAR", "max_length": 64},
        {"name": "session_id", "type": "VARCHAR", "max_length": 64},
        {"name": "embedding", "type": "FLOAT_VECTOR", "dim": 384},
        {"name": "metadata", "type": "JSON"},
        {"name": "timestamp", "type": "INT64", "description": "Unix time in seconds"},
    ],
    "indexes": [
        {
            "field_name": "embedding",
            "index_type": "HNSW",
            "metric_type": "IP",
            "params": {"M": 16, "efConstruction": 200},
        },
    ],
}
