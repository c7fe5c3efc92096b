"""Kept items out of a bin to label them with other tools, and the labels back in."""
