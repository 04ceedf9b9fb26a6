"""Rivals, one small script each, run in an environment of their own: problem file in, solution file out."""
