"""English words of workflows: parts and stems of names, small word lists, and which words mean the same.
Knows text only; no facts, no model and no embeddings."""
