"""The world model: learned from transitions, imagines outcomes. Knows no language model and no planner."""
