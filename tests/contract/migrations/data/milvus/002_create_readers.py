"""The contract's readers. This file is read as a literal and never executed."""

COLLECTION = {
    "name": "readers_v001",
    "alias": "readers",
    "about": "The contract's readers",
    "fields": [
        {"name": "id", "type": "INT64", "is_primary": True, "auto_id": False},
        {"name": "name", "type": "VARCHAR", "max_length": 40},
        {"name": "embedding", "type": "FLOAT_VECTOR", "dim": 8},
    ],
    "indexes": [
        {
            "field_name": "embedding",
            "index_type": "HNSW",
            "metric_type": "IP",
            "params": {"M": 8, "efConstruction": 32},
        },
    ],
}
