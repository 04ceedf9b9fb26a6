"""The estimators: parameters and validated data on one side, fitted attributes on the other."""
