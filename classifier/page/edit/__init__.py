"""The tab Edit: changes the picture before it is classified."""
