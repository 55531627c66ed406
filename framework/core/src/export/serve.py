"""Recommends with a model that `lapidary export serving` wrote. Needs torch and safetensors."""
import json
import pathlib

import torch
from safetensors.torch import load_file


class Recommender:
    def __init__(self, folder):
        folder = pathlib.Path(folder)
        self.config = json.loads((folder / "config.json").read_text())
        self.items = self.config["items"]
        self.number = {item: n for n, item in enumerate(self.items)}
        self.row = {user: n for n, user in enumerate(self.config["users"] or [])}
        tensors = load_file(folder / "items.safetensors")
        self.vectors, self.guided = tensors["items"], tensors.get("users")
        self.encoder = torch.jit.load(str(folder / "encoder.pt"))

    @torch.inference_mode()
    def encode(self, histories, users=None):
        """Vectors of users, one a history: a list of items' identifiers, oldest first. Unknown items are left out."""
        batch, length = self.config["batch"], self.config["description"]["max_len"]
        histories = [[self.number[i] for i in history if i in self.number] for history in histories]
        histories = [history[-self.config["longest_history"]:] for history in histories]
        users, found = users or [None] * len(histories), []
        for start in range(0, len(histories), batch):
            part = histories[start:start + batch]
            part += [[]] * (batch - len(part))
            items = torch.tensor([history + [0] * (length - len(history)) for history in part])
            given = [items, torch.tensor([len(history) for history in part])]
            if self.guided is not None:
                known = [self.row.get(user) for user in users[start:start + batch]]
                rows = [self.guided.mean(0) if n is None else self.guided[n] for n in known]
                given.append(torch.stack(rows + [self.guided[0]] * (batch - len(rows))))
            found.append(self.encoder(*given))
        return torch.cat(found)[:len(histories)]

    def recommend(self, history, k=10, user=None):
        """The best items that the history does not hold, with their scores."""
        scores = self.encode([history], [user])[0] @ self.vectors.T
        scores[[self.number[item] for item in history if item in self.number]] = -torch.inf
        best = torch.topk(scores, min(k, len(self.items)))
        return [(self.items[n], s) for s, n in zip(best.values.tolist(), best.indices.tolist())]
