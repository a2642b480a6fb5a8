"""Dynamic resources: thin providers on the host, each translating one Pulumi resource into plain function calls.

Module and class names are part of the state (providers are pickled by reference): keep them where they are.
"""
