"""Trains lite, the network that the package carries."""
