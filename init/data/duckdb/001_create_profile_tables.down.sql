-- Nothing refers to either of them.

DROP TABLE user_roles;
DROP TABLE profiles;
