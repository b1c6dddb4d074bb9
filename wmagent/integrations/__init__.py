"""Agent frameworks around a world model: tools for each, and guards that imagine before a tool call is executed.
Knows the service's toolbox; every framework is an extra, imported where it is used."""
