"""The web service: answers rides with the champion, swaps models without a pause, and logs every answer.

Knows nothing of Kedro, MLflow, pandas or training: `kedro service start` gives it its settings as a file.
"""
