"""Temporal consistency: how steady several methods keep a clip, at equal iterations a frame."""
