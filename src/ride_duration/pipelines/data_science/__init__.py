"""Features -> split -> baselines and model -> metrics, slices, plots and a summary."""
