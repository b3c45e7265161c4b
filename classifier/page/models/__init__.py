"""The tab Models: facts about all models, and their speed on this machine."""
