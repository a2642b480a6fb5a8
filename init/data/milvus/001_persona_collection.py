"""Personas: one normalised vector per user, searched by inner product.

Applications name the alias. They insert columns in the order of the fields below, which therefore is part of the contract.
This file is read as a literal and never executed.
"""

COLLECTION = {
    "name": "persona_embeddings_v001",
    "alias": "persona_embeddings",
    "about": "One normalised persona vector per user",
    "fields": [
        {"name": "user_id", "type": "VARCHAR", "is_primary": True, "auto_id": False, "max_length": 64},
        {"name": "tenant_id", "type": "VARCHAR", "max_length": 64},
        {"name": "embedding", "type": "FLOAT_VECTOR", "dim": 384},
        {"name": "metadata", "type": "JSON"},
        {"name": "timestamp", "type": "INT64", "description": "Unix time in seconds"},
        {"name": "version", "type": "INT32"},
        {"name": "persona_type", "type": "VARCHAR", "max_length": 32},
        {"name": "is_active", "type": "BOOL"},
        {"name": "confidence_score", "type": "FLOAT"},
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
