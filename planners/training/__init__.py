"""How the embedded planner is taught: requests paired with plans, the recipe, and the measurement."""
