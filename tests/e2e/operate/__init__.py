"""The commands about servers, on a live stack."""
