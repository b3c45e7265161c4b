"""The pictures to classify: how untrusted files are read, edited, stored and deleted."""
