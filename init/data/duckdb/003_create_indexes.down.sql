-- Every index that the way there makes, the last one first.

DROP INDEX user_roles_user_id_idx;
DROP INDEX long_term_memory_user_id_idx;
DROP INDEX profile_history_user_id_idx;
