"""The pipelines: ingestion, data engineering, data science, model release, batch scoring, and a backtest."""

#: Mark the nodes that make a run one that is tracked: a training, a release, or a backtest.
TRAINING_TAG, RELEASE_TAG, BACKTEST_TAG = "training", "release", "backtest"
