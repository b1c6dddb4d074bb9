"""Language models beside a world model: text to train them on, and what they are compared with. Knows worlds, agents,
adapters and models; no evaluation."""
