"""The contract's books. This file is read as a literal and never executed."""

COLLECTION = {
    "name": "books_v001",
    "alias": "books",
    "about": "The contract's books",
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
