"""SASRec of https://github.com/pmixer/SASRec.pytorch, from a copy of it, with cross-entropy over the whole catalogue."""

import importlib.util
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import peer
import torch


def load(checkout):
    """The class `SASRec` of a copy of the repository."""
    path = next(p for p in (Path(checkout) / "python/model.py", Path(checkout) / "model.py") if p.exists())
    spec = importlib.util.spec_from_file_location("sasrec_pytorch_model", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.SASRec


def main():
    parser = peer.arguments(["sasrec"])
    parser.add_argument("--checkout", required=True, help="folder of the cloned repository")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(1)

    sequences = peer.Sequences(given.data)
    settings = dict(hidden_units=64, num_blocks=2, num_heads=2, dropout_rate=0.2, maxlen=given.max_len)
    settings = SimpleNamespace(device="cpu", norm_first=True, **settings)
    model = load(given.checkout)(len(sequences.of_user), sequences.n_items, settings)
    for parameter in model.parameters():
        if parameter.dim() > 1:
            torch.nn.init.xavier_normal_(parameter.data)
    model.pos_emb.weight.data[0] = 0
    model.item_emb.weight.data[0] = 0
    adam = torch.optim.Adam(model.parameters(), lr=0.001, betas=(0.9, 0.98))

    inputs, targets = sequences.padded(given.max_len)
    training, ranking = peer.Clock(), peer.Clock()
    for _ in range(given.epochs):
        with training:
            order = np.random.permutation(len(inputs))
            for first in range(0, len(order), 256):
                rows = order[first : first + 256]
                real = torch.from_numpy(targets[rows] != 0)
                logits = model.log2feats(inputs[rows])[real] @ model.item_emb.weight.T
                loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets[rows])[real])
                adam.zero_grad()
                loss.backward()
                adam.step()

    model.eval()
    with ranking:
        encode = lambda histories: model.log2feats(histories.numpy())[:, -1]
        lists = peer.rank(encode, model.item_emb.weight[1:], sequences, given.max_len)
    targets = [sequences.targets(given.max_len)] * given.epochs
    peer.report(targets, training, ranking, **{"ndcg@10": peer.ndcg(lists, sequences)})


if __name__ == "__main__":
    main()
