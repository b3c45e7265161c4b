"""The tab Compare: several models on the same picture."""
