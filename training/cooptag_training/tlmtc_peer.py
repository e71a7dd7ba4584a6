"""Runs tlmtc in an environment of its own, where nothing of cooptag is installed: see baselines.tlmtc.

`tlmtc_peer.py fit FOLDER SEED` trains on FOLDER's train.csv (thresholds and scores are ours to make); `predict` writes
scores.json for the texts of asked.json.
"""

import csv
import json
import sys
from pathlib import Path

RUN = "peer"


def main() -> None:
    """Trains or predicts, as the arguments say."""
    from tlmtc import predict_tlmtc, train_tlmtc

    what, folder, seed = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if what == "fit":
        train_tlmtc(
            str(folder / "train.csv"), raw_test_csv=str(folder / "test.csv"), work_dir=str(folder), run_id=RUN,
            checkpoint=str(folder / "encoder"), hyperparameter_tuning=False, random_seed=seed, use_cpu=True, verbosity="quiet",
        )  # fmt: skip
        return
    import pandas as pd

    texts = json.loads((folder / "asked.json").read_text())
    result = predict_tlmtc(pd.DataFrame({"text": texts}), work_dir=str(folder), run_id=RUN, use_cpu=True, verbosity="quiet")
    with (result.paths.prediction_run_dir / "probabilities.csv").open(newline="", encoding="utf8") as file:
        rows = list(csv.DictReader(file))
    with (folder / "train.csv").open(newline="", encoding="utf8") as file:
        labels = [name for name in next(csv.reader(file)) if name.startswith("label_")]
    columns = [next(key for key in rows[0] if label in key) for label in labels]
    (folder / "scores.json").write_text(json.dumps([[float(row[column]) for column in columns] for row in rows]))


if __name__ == "__main__":
    main()
