"""How well a planner plans: sets of requests, what a right answer to each is, and the figures."""
