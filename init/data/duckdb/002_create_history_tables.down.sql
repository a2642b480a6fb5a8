-- The sequence last: a column's default uses it.

DROP TABLE long_term_memory;
DROP TABLE profile_history;
DROP SEQUENCE profile_history_id_seq;
