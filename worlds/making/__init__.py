"""How made-up workflows are put together: words, an outline, and the parts of its definition. Knows no simulation."""
