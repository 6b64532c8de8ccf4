"""Measure and check: numbers and verdicts."""
