"""What an application does with a stack: the examples and the guide, as their readers run them."""
