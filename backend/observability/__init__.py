"""What the program tells of itself: logs, metrics, and whatever else a setting asks for."""
