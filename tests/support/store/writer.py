"""A process to be killed: appends predictions, and prints the number of each one that it has acknowledged."""

import os
import sys
from pathlib import Path

from ride_duration.store import LogFull, PredictionLog
from tests.support.store.samples import prediction


def main(store_url: str, folder: str, prefix: str) -> None:
    """Append until killed."""
    log = PredictionLog(store_url, Path(folder), journal_bytes=20_000_000)
    number = 0
    while True:
        try:
            log.append([prediction(f"{prefix}-{number}", f"{prefix}-{number}", float(number))])
        except LogFull:
            continue
        os.write(1, b"%d\n" % number)
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
