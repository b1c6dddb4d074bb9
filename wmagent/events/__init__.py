"""World models of processes, learned from event logs."""
