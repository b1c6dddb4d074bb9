"""Where tools are offered: MCP, plain HTTP and a page to look at. Nothing here knows models."""
