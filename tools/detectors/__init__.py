"""Find things: boxes from words."""
