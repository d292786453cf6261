"""The pipelines: ingestion, data engineering, data science and tuning."""

#: Marks the nodes that make a run an experiment, to be tracked.
TRAINING_TAG = "training"

#: Marks the node that looks for hyper-parameters: a run with it is tracked, with each trial as a run below it.
TUNING_TAG = "tuning"
