#!/usr/bin/env bash
# Makes tests/support/former_project.tar.xz: a project as the release at commit d3a5b5d left it, by running that release.
#
#   tests/support/former_project.sh PYTHON_BIN_FOLDER
#
# In it: two champions (the second rolled back), a rejected version, one that awaits approval in an open rollout,
# a prediction log in SQLite with actual durations, a journal with entries that were not inserted yet, API keys,
# and a scored month. All of it simulated. Tests open it with `tests.support.former_project`.
set -euo pipefail
commit=d3a5b5d
repository=$(git -C "$(dirname "$0")" rev-parse --show-toplevel)
bin=${1:-$repository/.venv/bin}
work=$(mktemp -d)
trap 'git -C "$repository" worktree remove --force "$work/code"; rm -rf "$work"' EXIT
git -C "$repository" worktree add --quiet --detach "$work/code" "$commit"

export PYTHONPATH="$work/code/src" KEDRO_DISABLE_TELEMETRY=1 MLFLOW_DISABLE_TELEMETRY=true
project="$work/project"
mkdir -p "$project/src" "$project/data"
cp -r "$work/code/conf" "$work/code/pyproject.toml" "$project"
cd "$project"
git init --quiet && git -c user.name=Ana -c user.email=ana@example.org commit --quiet --allow-empty --message="start"
kedro() { "$bin/kedro" "$@"; }

# few trips and few trees keep the archive small
"$bin/python" - <<'PYTHON'
from pathlib import Path
import pyarrow.parquet as pq
from ride_duration.trips.simulation import default_city, simulate_month

folder = Path("data/01_raw/simulated")
folder.mkdir(parents=True)
for month in ("2021-01", "2021-02", "2021-03"):
    whole = simulate_month(month, default_city(), seed=2021)
    pq.write_table(whole.take(list(range(0, len(whole), 4))), folder / f"green_tripdata_{month}.parquet")
PYTHON
small="models.xgboost.hyper_parameters.n_estimators=12,intervals.model.hyper_parameters.n_estimators=6"
months="train_data=2021-01,val_data=2021-02"
kedro run --env test --params="$months,$small"
kedro run --env test --params="train_data=2021-01..2021-02,val_data=2021-03,$small,models.xgboost.hyper_parameters.n_estimators=30"
kedro models rollback --env test --by Ana --why "complaints from JFK"
manual="train_data=2021-01..2021-02,val_data=2021-03,release.approval=manual"
kedro run --env test --params="$manual,intervals.model.hyper_parameters.n_estimators=6,models.xgboost.hyper_parameters.n_estimators=31"
kedro models reject 3 --env test --by Ana --why "the Bronx is too short"
kedro run --env test --params="$manual,intervals.model.hyper_parameters.n_estimators=6,models.xgboost.hyper_parameters.n_estimators=32"
kedro models keys add dispatch --scope predict --env test >key.txt
kedro run --env test --pipelines=batch_scoring --params=score_data=2021-03

"$bin/kedro" models serve --env test --port 9747 &
service=$!
"$bin/python" - <<'PYTHON'
import time, urllib.request

for _ in range(300):
    try:
        assert urllib.request.urlopen("http://127.0.0.1:9747/ready").status == 200
        break
    except OSError:
        time.sleep(0.2)
PYTHON
kedro models rollout start 4 --env test --by Ana --why "learnt from two months"
"$bin/python" - <<'PYTHON'
import json, time, urllib.request

def post(path, body):
    request = urllib.request.Request(f"http://127.0.0.1:9747{path}", json.dumps(body).encode())
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)

time.sleep(5)  # until the service follows the rollout
for number in range(60):
    ride = {"ride_id": f"ride-{number}", "PULocationID": 43 + number % 5, "DOLocationID": 74 + number % 7}
    ride |= {"pickup_datetime": f"2021-03-{1 + number % 28:02d}T{number % 24:02d}:30:00"}
    post("/predict", ride | ({"trip_distance": 1.5 + number % 4} if number % 2 else {}))
    if number < 40:
        post("/actuals", {"ride_id": f"ride-{number}", "duration": 8.0 + number % 11})
time.sleep(3)
PYTHON
# what follows is acknowledged while the database is locked, and then the service is killed
"$bin/python" - "$service" <<'PYTHON'
import json, os, signal, sqlite3, sys, time, urllib.request

database = sqlite3.connect("data/serving/predictions.db", timeout=30, isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
for number in range(60, 70):
    ride = {"ride_id": f"ride-{number}", "PULocationID": 43, "DOLocationID": 74, "pickup_datetime": "2021-03-30T12:00:00"}
    urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:9747/predict", json.dumps(ride).encode())).read()
os.kill(int(sys.argv[1]), signal.SIGKILL)
time.sleep(1)
database.execute("ROLLBACK")
database.close()
PYTHON
wait "$service" || true

# what a run makes again, and what no test reads
rm -rf data/0[1-5]* data/07_model_output/predictions.parquet data/serving/9747/settings.json data/.run.* .viz sessions
rm -rf data/06_models/*.pickle conf/[!l]* .git src pyproject.toml key.txt
find data -name '*.lock' -delete
find data/08_reporting -name '*_plot.json' -delete
find data/mlflow/artifacts \( -path '*/artifacts/plots/*' -o -name '*.pickle' \) -delete
tar --sort=name --owner=0 --group=0 --numeric-owner -C "$work" -c project | xz -9e >"$repository/tests/support/former_project.tar.xz"
ls -l "$repository/tests/support/former_project.tar.xz"
