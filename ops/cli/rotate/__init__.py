"""`rotate`: passwords changed in the server first, and in Pulumi's state second."""
