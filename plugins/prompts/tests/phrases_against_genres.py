"""Whether likelihoods of phrases tell genres: the figures of framework/docs/decisions/0004-asking-small-models.md.

Independent of the Rust code: transformers on the dequantised weights. Needs torch, transformers, gguf, accelerate and
scikit-learn; from the checkout's root, about two processor minutes per 100 films and template:

    python plugins/prompts/tests/phrases_against_genres.py 200
"""
import gzip
import json
import random
import sys
import tomllib

import numpy as np
import torch
from sklearn.metrics import roc_auc_score
from transformers import AutoModelForCausalLM, AutoTokenizer

DATA = "configs/datasets/movietweetings"
MODEL = ".deps/models", "SmolLM2-135M-Instruct.Q4_1.gguf"
TEMPLATES = {
    "best known": 'The movie "{t} ({y})" is best known for its',
    "praised": 'Critics and audiences praised the movie "{t} ({y})" for its',
    "full of": 'The {y} film "{t}" is full of',
    "a movie known": '"{t}" is a {y} movie known for its',
    "with genres": 'The {c} movie "{t} ({y})" is best known for its',
}
GENRES = {
    "humor": ["Comedy"], "scares": ["Horror"], "action": ["Action"], "brutality": ["Crime", "War"],
    "romance": ["Romance"], "suspense": ["Thriller", "Mystery"], "plot_complexity": ["Mystery"], "drama": ["Drama"],
    "imagination": ["Sci-Fi", "Fantasy"], "family_appeal": ["Family", "Animation"],
    "true_story": ["Biography", "History", "Documentary"], "music": ["Music", "Musical"],
}


def films(wanted):
    with gzip.open(f"{DATA}/interactions.tsv.gz", "rt") as lines:
        order = dict.fromkeys(line.split("\t")[1] for line in list(lines)[1:])
    with gzip.open(f"{DATA}/items.jsonl.gz", "rt") as lines:
        texts = {item["item_id"]: item for item in map(json.loads, lines)}
    chosen = [texts[item] for item in order]
    random.Random(1).shuffle(chosen)
    return chosen[:wanted]


@torch.no_grad()
def likelihoods(model, tokenizer, sentence, phrases):
    """Log-likelihood of each phrase after the sentence; the sentence is computed once."""
    tokens = lambda text: tokenizer(text, add_special_tokens=False).input_ids
    start, ends = tokens(sentence), [tokens(" " + phrase) for phrase in phrases]
    first = model(torch.tensor([start]), use_cache=True, logits_to_keep=1)
    found = np.array([torch.log_softmax(first.logits[0, -1], -1)[end[0]].item() for end in ends])
    longer = [k for k, end in enumerate(ends) if len(end) > 1]
    width = max(len(ends[k]) for k in longer) - 1
    given = torch.zeros(len(longer), width, dtype=torch.long)
    for row, k in enumerate(longer):
        given[row, : len(ends[k]) - 1] = torch.tensor(ends[k][:-1])
    past = first.past_key_values
    past.batch_repeat_interleave(len(longer))
    mask = torch.ones(len(longer), len(start) + width, dtype=torch.long)
    logits = torch.log_softmax(model(given, past_key_values=past, attention_mask=mask).logits, -1)
    for row, k in enumerate(longer):
        found[k] += sum(logits[row, place, token].item() for place, token in enumerate(ends[k][1:]))
    return found


def agreement(raw, counts, items, scale=True, centre=True):
    """The area under the ROC curve of each attribute for its genres."""
    columns = raw - raw.mean(0)
    if scale:
        columns = columns / columns.std(0)
    scores = np.stack([part.mean(1) for part in np.split(columns, np.cumsum(counts)[:-1], axis=1)], 1)
    if centre:
        scores = scores - scores.mean(1, keepdims=True)
    has = lambda item, genres: any(genre in genres for genre in item.get("categories", []))
    marks = [[has(item, genres) for item in items] for genres in GENRES.values()]
    return [roc_auc_score(mark, column) for mark, column in zip(marks, scores.T)]


def table(columns):
    print("| attribute | genres |", " | ".join(columns), "|\n|---|---|" + "---|" * len(columns))
    for row, (attribute, genres) in enumerate(GENRES.items()):
        print(f"| {attribute} | {', '.join(genres)} |", " | ".join(f"{c[row]:.2f}" for c in columns.values()), "|")
    print("| **mean** | |", " | ".join(f"{np.mean(c):.3f}" for c in columns.values()), "|")


def main(wanted):
    attributes = tomllib.load(open("configs/attributes/movies.toml", "rb"))["attributes"]
    assert [a["name"] for a in attributes] == list(GENRES)
    phrases, counts = [p for a in attributes for p in a["phrases"]], [len(a["phrases"]) for a in attributes]
    folder, file = MODEL
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=file)
    model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=file, dtype=torch.float32).eval()
    items, raw = films(wanted), {}
    for name, template in TEMPLATES.items():
        fill = lambda i: template.format(t=i["title"].replace('"', "'"), y=i.get("year", ""), c=", ".join(i.get("categories", [])))
        raw[name] = np.array([likelihoods(model, tokenizer, fill(item), phrases) for item in items])
    columns = {name: agreement(values, counts, items) for name, values in raw.items()}
    columns["not scaled"] = agreement(raw["best known"], counts, items, scale=False)
    columns["not centred"] = agreement(raw["best known"], counts, items, centre=False)
    table(columns)


if __name__ == "__main__":
    main(int(sys.argv[1]))
