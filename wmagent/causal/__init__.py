"""Estimates of what an action does from recorded decisions, and how far unlogged causes could move them.
Knows arrays of numbers (numpy only); knows no facts, no model and no words."""
