"""The pipelines: ingestion, data engineering and data science."""

#: Marks the nodes that make a run an experiment, to be tracked.
TRAINING_TAG = "training"
