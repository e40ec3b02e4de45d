"""Audiences: export whom each action is to reach, as files, and log who was in which group."""
