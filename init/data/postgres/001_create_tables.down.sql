-- Those that refer to others first.

DROP TABLE system_config;
DROP TABLE classifier_training_data;
DROP TABLE audit_log;
DROP TABLE plugin_executions;
DROP TABLE messages;
DROP TABLE conversations;
DROP TABLE memory;
DROP TABLE user_roles;
DROP TABLE long_term_memory;
DROP TABLE profile_history;
DROP TABLE profiles;
DROP TABLE service_health;
