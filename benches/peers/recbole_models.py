"""SASRec, GRU4Rec and BERT4Rec of RecBole, on a part of an epoch: it trains every prefix as a sequence of its own."""

import itertools
import tempfile
from pathlib import Path

import numpy as np
import peer
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.utils import get_model, get_trainer, init_seed

NAMES = {"sasrec": "SASRec", "gru4rec": "GRU4Rec", "bert4rec": "BERT4Rec"}


def write(sequences, folder):
    """The data in RecBole's own form."""
    (folder / "peers").mkdir()
    with open(folder / "peers/peers.inter", "w") as file:
        file.write("user_id:token\titem_id:token\ttimestamp:float\n")
        for user, items in enumerate(sequences.of_user):
            file.writelines(f"{user}\t{item}\t{time}\n" for time, item in enumerate(items))


def settings(given, folder):
    return {
        "data_path": str(folder),
        "load_col": {"inter": ["user_id", "item_id", "timestamp"]},
        "MAX_ITEM_LIST_LENGTH": given.max_len,
        "hidden_size": 64,
        "embedding_size": 64,
        "inner_size": 64,
        "n_layers": 2,
        "num_layers": 1,
        "n_heads": 2,
        "hidden_dropout_prob": 0.2,
        "attn_dropout_prob": 0.2,
        "dropout_prob": 0.2,
        "loss_type": "CE",
        "train_neg_sample_args": None,
        "train_batch_size": 256,
        "eval_batch_size": 4096 * 512,
        "learning_rate": 0.001,
        "eval_args": {"split": {"LS": "valid_and_test"}, "order": "TO", "group_by": "user", "mode": "full"},
        "metrics": ["NDCG"],
        "topk": [10],
        "valid_metric": "NDCG@10",
        "use_gpu": False,
        "show_progress": False,
        "state": "CRITICAL",
        "reproducibility": False,
        "checkpoint_dir": str(folder),
        "log_wandb": False,
    }


def targets(model, batch):
    """Trained targets of a batch: one a sequence; for BERT4Rec its positions, as it trains on those it masks."""
    return int(batch["item_length"].sum()) if model == "bert4rec" else len(batch)


def main():
    parser = peer.arguments(list(NAMES))
    parser.add_argument("--batches", type=int, default=40, help="batches of 256 targets that are timed")
    parser.add_argument(
        "--unwatched", action="store_true", help="without autograd's anomaly detection, which importing RecBole turns on"
    )
    given = parser.parse_args()
    torch.set_num_threads(given.threads)

    sequences = peer.Sequences(given.data)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write(sequences, folder)
        config = Config(NAMES[given.model], "peers", config_dict=settings(given, folder))
        init_seed(1, False)
        dataset = create_dataset(config)
        train, _, test = data_preparation(config, dataset)
        model = get_model(config["model"])(config, train.dataset)
        if given.unwatched:
            torch.autograd.set_detect_anomaly(False)
        trainer = get_trainer(config["MODEL_TYPE"], config["model"])(config, model)

        training, ranking = peer.Clock(), peer.Clock()
        model.train()
        batches = iter(train)
        parts = []
        for part in (5, given.batches):
            with training:
                parts.append(0)
                for batch in itertools.islice(batches, part):
                    trainer.optimizer.zero_grad()
                    model.calculate_loss(batch).backward()
                    trainer.optimizer.step()
                    parts[-1] += targets(given.model, batch)
        with ranking:
            quality = trainer.evaluate(test, load_best_model=False)
    peer.report(parts, training, ranking, **{"ndcg@10": float(quality["ndcg@10"])})


if __name__ == "__main__":
    main()
