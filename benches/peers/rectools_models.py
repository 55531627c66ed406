"""SASRec of RecTools on a file of `user item` lines; prints one line of JSON."""

import argparse
import gzip
import json
import resource
import time

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel


class Clock(Callback):
    """Wall and processor seconds of each epoch."""

    def __init__(self):
        self.wall, self.cpu = [], []

    def on_train_epoch_start(self, *_):
        self.began = time.perf_counter(), time.process_time()

    def on_train_epoch_end(self, *_):
        self.wall.append(time.perf_counter() - self.began[0])
        self.cpu.append(time.process_time() - self.began[1])


def read(path):
    opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
    with opened as lines:
        frame = pd.read_csv(lines, sep=" ", header=None, names=[Columns.User, Columns.Item])
    frame[Columns.Weight] = 1.0
    # The order is all that the file tells of time.
    frame[Columns.Datetime] = pd.Timestamp(0) + pd.to_timedelta(np.arange(len(frame)), unit="s")
    return frame


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--data", required=True)
    arguments.add_argument("--epochs", type=int, default=2)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--max-len", type=int, default=50)
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    seed_everything(1)

    frame = read(given.data)
    from_end = frame.groupby(Columns.User).cumcount(ascending=False)
    history, test = frame[from_end >= 1], frame[from_end == 0]
    train = frame[from_end >= 2]
    targets = (train.groupby(Columns.User).size() - 1).clip(upper=given.max_len).sum()

    model = SASRecModel(
        n_blocks=2,
        n_heads=2,
        n_factors=64,
        dropout_rate=0.2,
        session_max_len=given.max_len,
        batch_size=256,
        lr=0.001,
        epochs=given.epochs,
        loss="softmax",
        get_trainer_func=lambda: Trainer(
            max_epochs=given.epochs,
            accelerator="cpu",
            callbacks=[Clock()],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        ),
    )
    model.fit(Dataset.construct(train))
    # Its trainer trains with copies of the callbacks.
    clock = next(c for c in model.fit_trainer.callbacks if isinstance(c, Clock))

    users = test[Columns.User].to_numpy()
    asked = Dataset.construct(history)
    began = time.perf_counter(), time.process_time()
    lists = model.recommend(users=users, dataset=asked, k=10, filter_viewed=True)
    ranking = time.perf_counter() - began[0], time.process_time() - began[1]

    found = lists.merge(test[[Columns.User, Columns.Item]], on=[Columns.User, Columns.Item])
    ndcg = (1 / np.log2(found[Columns.Rank] + 1)).sum() / len(users)
    print(
        json.dumps(
            {
                "targets": int(targets),
                "epoch_wall": clock.wall,
                "epoch_cpu": clock.cpu,
                "ranking_wall": ranking[0],
                "ranking_cpu": ranking[1],
                "ndcg@10": float(ndcg),
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
