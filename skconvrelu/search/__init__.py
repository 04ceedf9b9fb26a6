"""Search over all arrangements, not only those at hand."""
