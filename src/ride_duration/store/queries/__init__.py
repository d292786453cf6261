"""Questions to the store: predictions joined with ground truth, and their errors by day."""
