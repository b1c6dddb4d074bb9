"""The LangGraph agent: goals in words, search, checked explanations."""
