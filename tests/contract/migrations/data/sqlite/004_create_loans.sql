CREATE TABLE loans (
    id    INTEGER PRIMARY KEY,
    since TEXT
);
