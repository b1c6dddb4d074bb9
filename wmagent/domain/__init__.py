"""Plain values of the toolkit: facts, actions, transitions, goals, answers. Knows no torch."""
