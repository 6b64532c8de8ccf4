"""Runs plans, looks at what they made, and repairs it."""
