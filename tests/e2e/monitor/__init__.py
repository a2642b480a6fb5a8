"""A stack with a monitor: faults that it must see, name, mend or tell."""
