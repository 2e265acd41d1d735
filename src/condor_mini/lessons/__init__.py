"""Lessons: pages with commands to type, and checks of what came of them."""
