"""`./karen certificates`: until when they are accepted, the authority's for whoever is to verify, and their renewal."""
