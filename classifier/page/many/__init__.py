"""The tab Many: classifies a batch of pictures."""
