"""The models on offer: what each one is, and where its weights come from."""
