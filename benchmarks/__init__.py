"""Measurements behind the numbers in README and doc. Data sets are read from a directory given by SKCONVRELU_SHARED."""
