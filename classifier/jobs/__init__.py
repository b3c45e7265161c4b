"""Jobs: requests that are stored on disk, wait in the queue, and end exactly once."""
