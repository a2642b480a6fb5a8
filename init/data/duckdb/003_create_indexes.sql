-- Every read of these tables is by user; profiles have their primary key.

CREATE INDEX profile_history_user_id_idx ON profile_history (user_id, timestamp);
CREATE INDEX long_term_memory_user_id_idx ON long_term_memory (user_id);
CREATE INDEX user_roles_user_id_idx ON user_roles (user_id);
