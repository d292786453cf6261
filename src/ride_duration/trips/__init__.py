"""The domain: trip records, zones, features and the simulated city. Knows nothing of Kedro, MLflow or HTTP."""
