"""The tab Explain: shows where the model looked."""
