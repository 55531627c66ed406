"""What the drivers of the peers share: arguments, data, clock, ranking, and the line of JSON they print at the end."""

import argparse
import gzip
import json
import time

import numpy as np

LIST = 10


def arguments(models):
    """The arguments that every driver takes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="file of `user item` lines, each user's in their order")
    parser.add_argument("--model", choices=models, default=models[0])
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--max-len", type=int, default=50)
    return parser


class Sequences:
    """Every user's items in order, numbered from 1; the last item is the test item, the one before validates."""

    def __init__(self, path):
        opened = gzip.open(path, "rt") if path.endswith(".gz") else open(path)
        with opened as lines:
            pairs = np.loadtxt(lines, dtype=np.int64)
        order = np.argsort(pairs[:, 0], kind="stable")
        items, numbered = np.unique(pairs[order, 1], return_inverse=True)
        _, starts = np.unique(pairs[order, 0], return_index=True)
        self.n_items = len(items)
        self.of_user = np.split(numbered + 1, starts[1:])

    def train(self):
        return [items[:-2] for items in self.of_user]

    def targets(self, max_len):
        """Trained targets of an epoch: the last positions of each training sequence."""
        return sum(min(max_len, len(items) - 1) for items in self.train() if len(items) > 1)

    def padded(self, max_len):
        """Inputs and targets of training, padded with 0 on the left: i64 [U,L] each."""
        kept = [items for items in self.train() if len(items) > 1]
        inputs, targets = (np.zeros((len(kept), max_len), dtype=np.int64) for _ in range(2))
        for row, items in enumerate(kept):
            items = items[-max_len - 1 :]
            inputs[row, 1 - len(items) :] = items[:-1]
            targets[row, 1 - len(items) :] = items[1:]
        return inputs, targets

    def asked(self, max_len):
        """What is known when the test item is asked for, padded on the left, and all of it by row: i64 [U,L]."""
        histories = [items[:-1] for items in self.of_user]
        inputs = np.zeros((len(histories), max_len), dtype=np.int64)
        for row, items in enumerate(histories):
            items = items[-max_len:]
            inputs[row, max_len - len(items) :] = items
        return inputs, histories

    def test(self):
        return np.array([items[-1] for items in self.of_user])


class Clock:
    """Wall and processor seconds of repeated parts."""

    def __init__(self):
        self.wall, self.cpu = [], []

    def __enter__(self):
        self.began = time.perf_counter(), time.process_time()

    def __exit__(self, *_):
        self.wall.append(time.perf_counter() - self.began[0])
        self.cpu.append(time.process_time() - self.began[1])


def rank(encode, table, sequences, max_len, batch=512):
    """Lists of the best unseen items of every user, i64 [U,10], in blocks of users.

    `encode` gives user vectors [B,d] of padded histories [B,L]; `table` holds the vectors of items 1 to V, [V,d].
    """
    import torch

    inputs, histories = sequences.asked(max_len)
    lists = []
    with torch.no_grad():
        for first in range(0, len(inputs), batch):
            block = slice(first, first + batch)
            scores = encode(torch.from_numpy(inputs[block])) @ table.T
            seen = histories[block]
            rows = np.repeat(np.arange(len(seen)), [len(items) for items in seen])
            scores[torch.from_numpy(rows), torch.from_numpy(np.concatenate(seen)) - 1] = -torch.inf
            lists.append(scores.topk(LIST).indices + 1)
    return torch.cat(lists).numpy()


def ndcg(lists, sequences):
    found = lists == sequences.test()[:, None]
    return float((found / np.log2(np.arange(2, LIST + 2))).sum() / len(lists))


def report(targets, training, ranking, **more):
    """Prints what was measured, by trained target; the first epoch warms up where there is another."""
    warm = slice(1, None) if len(training.cpu) > 1 else slice(None)
    trained = sum(targets[warm])
    found = {
        "epoch_cpu": sum(training.cpu[warm]) / trained,
        "epoch_wall": sum(training.wall[warm]) / trained,
        "ranking_cpu": ranking.cpu[-1],
        "ranking_wall": ranking.wall[-1],
    }
    print(json.dumps(found | more))
