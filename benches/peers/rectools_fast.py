"""SASRec of RecTools' `fast_transformers`: its network and its own sequences, with the loss its model class uses."""

import peer
import torch
from rectools.fast_transformers import FlatSASRecNet, SequenceBatchDataset, build_sequences
from torch.utils.data import DataLoader


def main():
    given = peer.arguments(["sasrec"]).parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(1)

    sequences = peer.Sequences(given.data)
    train = [(user, item) for user, items in enumerate(sequences.train()) for item in items]
    users, items = torch.tensor(train).T
    inputs, targets, known, _ = build_sequences(users, items, torch.arange(len(items)), max_len=given.max_len)
    network = FlatSASRecNet(len(known), 64, 2, 2, given.max_len, dropout=0.2)
    adam = torch.optim.Adam(network.parameters(), lr=0.001, betas=(0.9, 0.98))
    batches = DataLoader(SequenceBatchDataset(inputs, targets), batch_size=256, shuffle=True)

    training, ranking = peer.Clock(), peer.Clock()
    for _ in range(given.epochs):
        with training:
            for batch in batches:
                logits = network(batch).flatten(0, 1)
                # Targets of the padding are 0, items count from 1.
                loss = torch.nn.functional.cross_entropy(logits, batch["y"].flatten() - 1, ignore_index=-1)
                adam.zero_grad()
                loss.backward()
                adam.step()

    network.eval()
    place = torch.zeros(sequences.n_items + 1, dtype=torch.long)
    place[known] = torch.arange(1, len(known) + 1)
    with ranking:
        table = torch.zeros(sequences.n_items, 64)
        table[known - 1] = network.all_item_embeddings().detach()
        encode = lambda histories: network.encode_last(place[histories])
        lists = peer.rank(encode, table, sequences, given.max_len)
    targets = [sequences.targets(given.max_len)] * given.epochs
    peer.report(targets, training, ranking, **{"ndcg@10": peer.ndcg(lists, sequences)})


if __name__ == "__main__":
    main()
