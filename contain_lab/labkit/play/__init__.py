"""Playthings: tick, start and see; in the page, and as text."""
