"""Turns a request into a checked plan."""
