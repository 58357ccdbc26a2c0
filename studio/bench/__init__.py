"""Measurements against goals that stand in one table. Peers take turns with us in one process, on the same inputs and threads."""
