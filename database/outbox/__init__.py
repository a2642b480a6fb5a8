"""What was committed to PostgreSQL reaches Elasticsearch and Milvus, in order per key, whatever dies on the way."""
