"""From a problem to a verified network: one fit, a path of penalties, folds, and the audit of a network that others trained."""
