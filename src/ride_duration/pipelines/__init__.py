"""The pipelines: ingestion, data engineering, data science, and a backtest."""

#: Mark the nodes that make a run an experiment, to be tracked: a training, or a backtest.
TRAINING_TAG, BACKTEST_TAG = "training", "backtest"
