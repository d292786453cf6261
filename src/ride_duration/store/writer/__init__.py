"""From a record in memory to its row: write-ahead log, insertion, and what the database refuses."""
