"""SASRec and BERT4Rec of RecTools."""

import numpy as np
import pandas as pd
import peer
import torch
from pytorch_lightning import Callback, Trainer, seed_everything
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import BERT4RecModel, SASRecModel


class Epochs(Callback):
    """Times every epoch; after each `every` of them, off the clock, asks `validate` for the quality so far."""

    def __init__(self, clock, validate=None, every=0, patience=0):
        self.clock, self.validate, self.every, self.patience = clock, validate, every, patience
        self.curve, self.best = [], 0
        self.positions = []

    def __deepcopy__(self, _):
        # The model trains with a deep copy of the trainer; what is seen must reach this one.
        return self

    def on_train_epoch_start(self, *_):
        self.positions.append(0)
        self.clock.__enter__()

    def on_train_batch_start(self, _, __, batch, ___):
        self.positions[-1] += int((batch["x"] != 0).sum())

    def on_train_epoch_end(self, trainer, module):
        self.clock.__exit__()
        epoch = len(self.clock.wall)
        if not self.every or epoch % self.every:
            return
        quality = self.validate(module)
        print(f"epoch {epoch}: ndcg@10 {quality:.4f}", flush=True)
        self.curve.append([epoch, sum(self.clock.wall), sum(self.clock.cpu), quality])
        if quality > self.curve[self.best][3]:
            self.best = len(self.curve) - 1
        trainer.should_stop = len(self.curve) - 1 - self.best >= self.patience


def frame(sequences):
    """A table of interactions; the order is all that the file tells of time."""
    rows = [(user, item) for user, items in enumerate(sequences) for item in items]
    table = pd.DataFrame(rows, columns=[Columns.User, Columns.Item])
    table[Columns.Weight] = 1.0
    table[Columns.Datetime] = pd.Timestamp(0) + pd.to_timedelta(np.arange(len(table)), unit="s")
    return table


def lists_of(table, n_users):
    lists = np.zeros((n_users, peer.LIST), dtype=np.int64)
    lists[table[Columns.User], table[Columns.Rank] - 1] = table[Columns.Item]
    return lists


def validation(model, sequences, train):
    """A function that ranks the validation items with a module in training."""
    wanted = np.array([items[-2] for items in sequences.of_user])
    dataset = Dataset.construct(train)

    def validate(module):
        # It is asked in the middle of `fit`, which says only at the end that there is a model.
        model.is_fitted = True
        table = model.recommend(np.arange(len(wanted)), dataset, k=peer.LIST, filter_viewed=True)
        module.train()
        found = lists_of(table, len(wanted)) == wanted[:, None]
        return float((found / np.log2(np.arange(2, peer.LIST + 2))).sum() / len(wanted))

    return validate


def main():
    parser = peer.arguments(["sasrec", "bert4rec"])
    parser.add_argument("--batches", type=int, help="batches of an epoch; all")
    parser.add_argument("--validate-every", type=int, default=0, help="epochs between validations; 0: none")
    parser.add_argument("--patience", type=int, default=6, help="validations without a new best before it stops")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--learning-rate", type=float, default=0.001)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    seed_everything(given.seed)

    sequences = peer.Sequences(given.data)
    train = frame(sequences.train())
    training, ranking = peer.Clock(), peer.Clock()
    epochs = Epochs(training, every=given.validate_every, patience=given.patience)
    model = {"sasrec": SASRecModel, "bert4rec": BERT4RecModel}[given.model](
        n_blocks=2,
        n_heads=2,
        n_factors=64,
        dropout_rate=0.2,
        session_max_len=given.max_len,
        batch_size=256,
        lr=given.learning_rate,
        epochs=given.epochs,
        loss="softmax",
        get_trainer_func=lambda: Trainer(
            max_epochs=given.epochs,
            limit_train_batches=given.batches,
            accelerator="cpu",
            callbacks=[epochs],
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            enable_checkpointing=False,
        ),
    )
    epochs.validate = validation(model, sequences, train)
    model.fit(Dataset.construct(train))

    asked = Dataset.construct(frame([items[:-1] for items in sequences.of_user]))
    users = np.arange(len(sequences.of_user))
    with ranking:
        table = model.recommend(users=users, dataset=asked, k=peer.LIST, filter_viewed=True)
    quality = peer.ndcg(lists_of(table, len(users)), sequences)
    # The cloze task trains on some of the positions: all that are shown count, on both sides.
    peer.report(epochs.positions, training, ranking, **{"ndcg@10": quality, "curve": epochs.curve})


if __name__ == "__main__":
    main()
