CREATE TABLE loans (
    id    BIGINT PRIMARY KEY,
    since TIMESTAMP
);
