"""The tab Answer: the five likeliest labels of the picture."""
