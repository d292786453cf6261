"""How long does a New York taxi ride take? Learn it from raw trip records, and keep the answer right."""
