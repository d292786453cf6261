"""The pipelines: ingestion, data engineering and science, model release; tuning, a backtest, batch scoring."""

#: Mark the nodes that make a run one that is tracked: a training, a release, tuning (each trial is a run below it), or
#: a backtest.
TRAINING_TAG, RELEASE_TAG, TUNING_TAG, BACKTEST_TAG = "training", "release", "tuning", "backtest"
