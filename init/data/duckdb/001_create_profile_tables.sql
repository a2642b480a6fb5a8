-- Who a user is. Applications replace whole profiles by user_id and read roles by user_id.

CREATE TABLE profiles (
    user_id      VARCHAR PRIMARY KEY,
    profile_json VARCHAR,
    last_update  TIMESTAMP
);
COMMENT ON TABLE profiles IS 'One JSON document per user';
COMMENT ON COLUMN profiles.last_update IS 'UTC';

CREATE TABLE user_roles (
    user_id VARCHAR,
    role    VARCHAR
);
COMMENT ON TABLE user_roles IS 'Roles of a user, one row each';
