-- Indexes for the reads applications make, and one for every foreign key that no primary key covers.

-- Recall is by user, newest first, optionally within a tenant; sessions are read whole.
CREATE INDEX memory_user_id_timestamp_idx ON memory (user_id, timestamp DESC);
CREATE INDEX memory_tenant_id_user_id_timestamp_idx ON memory (tenant_id, user_id, timestamp DESC);
CREATE INDEX memory_session_id_idx ON memory (session_id) WHERE session_id IS NOT NULL;

CREATE INDEX profile_history_user_id_timestamp_idx ON profile_history (user_id, timestamp DESC);
CREATE INDEX long_term_memory_user_id_idx ON long_term_memory (user_id);
CREATE INDEX user_roles_role_idx ON user_roles (role);

CREATE INDEX conversations_user_id_updated_at_idx ON conversations (user_id, updated_at DESC);
CREATE INDEX conversations_session_id_idx ON conversations (session_id) WHERE session_id IS NOT NULL;
CREATE INDEX messages_conversation_id_created_at_idx ON messages (conversation_id, created_at);

CREATE INDEX plugin_executions_plugin_name_started_at_idx ON plugin_executions (plugin_name, started_at DESC);
CREATE INDEX plugin_executions_user_id_started_at_idx ON plugin_executions (user_id, started_at DESC);
CREATE INDEX plugin_executions_conversation_id_idx ON plugin_executions (conversation_id);
-- Few rows are unfinished, and those are what a worker looks for.
CREATE INDEX plugin_executions_unfinished_idx ON plugin_executions (started_at) WHERE finished_at IS NULL;

-- Appended in the order of time: a block range index is a thousandth of a tree's size.
CREATE INDEX audit_log_occurred_at_idx ON audit_log USING brin (occurred_at);
CREATE INDEX audit_log_user_id_occurred_at_idx ON audit_log (user_id, occurred_at DESC);
CREATE INDEX audit_log_resource_idx ON audit_log (resource_type, resource_id);

CREATE INDEX extension_permissions_user_id_idx ON extension_permissions (user_id);
CREATE INDEX extension_metrics_extension_id_idx ON extension_metrics (extension_id, metric_name, recorded_at DESC);
CREATE INDEX extension_audit_log_extension_id_idx ON extension_audit_log (extension_id, occurred_at DESC);
CREATE INDEX extension_audit_log_occurred_at_idx ON extension_audit_log USING brin (occurred_at);

CREATE INDEX classifier_training_data_intent_idx ON classifier_training_data (intent);
CREATE INDEX system_config_public_idx ON system_config (config_key) WHERE is_public;
