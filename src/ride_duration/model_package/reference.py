"""What the rides of the validation months were like: the reference that later rides are compared with.

A package holds two tables of them. `reference.parquet` has rides, some of every day, with their features and answers;
`reference_counts.parquet` counts all rides by day, feature and bin.

| reference_counts.parquet | |
|---|---|
| feature | a feature, or an answer (`predicted`, `predicted_without_distance`) |
| bin, low, high | its number from 0, and its values: low <= value < high; the last bin is of missing values |
| day | New York day of the pick-up |
| rows | rides |
"""

#: Files of the package; those of former programs have none.
ROWS, COUNTS = "reference.parquet", "reference_counts.parquet"

#: Rides in `reference.parquet`, at least, if there are so many.
LEAST_ROWS = 20_000

#: Answers whose distribution is watched like that of a feature.
ANSWERS = ("predicted", "predicted_without_distance")
