"""Log-likelihoods of phrases with transformers; prints one line of JSON.

plain: every prompt with every phrase is a sequence, batched. shared_prefix: keys and values of the prompts are computed
once and expanded for the phrases.
"""

import argparse
import json
import time
from pathlib import Path

import gguf_model
import torch
from transformers import AutoModelForCausalLM, DynamicCache


def log_probs(logits, tokens):
    """Log-probability [B,L] of each token: logits [B,L,V], tokens [B,L]."""
    logits = logits.float()
    picked = logits.gather(-1, tokens.unsqueeze(-1)).squeeze(-1)
    return picked - logits.logsumexp(-1)


def padded(rows):
    """Tokens padded on the left [B,L], their mask, and their positions."""
    width = max(map(len, rows))
    tokens = torch.tensor([[0] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return tokens, mask, (mask.cumsum(-1) - 1).clamp(min=0)


def plain(model, prompts, phrases, batch):
    """Sequences of similar length go together; the head sees the places before the phrase alone."""
    pairs = [(i, j) for i in range(len(prompts)) for j in range(len(phrases))]
    pairs.sort(key=lambda pair: len(prompts[pair[0]]) + len(phrases[pair[1]]))
    found = [[0.0] * len(phrases) for _ in prompts]
    for start in range(0, len(pairs), batch):
        chosen = pairs[start : start + batch]
        # A phrase's last token is not read, only asked for.
        tokens, mask, positions = padded([prompts[i] + phrases[j][:-1] for i, j in chosen])
        kept = max(len(phrases[j]) for _, j in chosen)
        # No row is padded: plain causal attention, which is faster than a mask.
        mask = None if mask.all() else mask
        logits = model(
            tokens, attention_mask=mask, position_ids=positions, logits_to_keep=kept, use_cache=False
        ).logits
        targets, asked, _ = padded([phrases[j] for _, j in chosen])
        sums = (log_probs(logits, targets) * asked).sum(-1)
        for (i, j), value in zip(chosen, sums.tolist()):
            found[i][j] = value
    return found


def shared_prefix(model, prompts, phrases, batch):
    """`batch` prompts at a time; phrases of one token need no pass of their own, the others go by their length."""
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    first = torch.tensor([phrase[0] for phrase in phrases])
    lengths = sorted({len(phrase) for phrase in phrases} - {1})
    found = [None] * len(prompts)
    for start in range(0, len(order), batch):
        chosen = order[start : start + batch]
        tokens, mask, positions = padded([prompts[i] for i in chosen])
        full = bool(mask.all())
        read = model(
            tokens, attention_mask=None if full else mask, position_ids=positions, logits_to_keep=1, use_cache=True
        )
        logits = read.logits[:, -1].float()
        sums = logits[:, first] - logits.logsumexp(-1, keepdim=True)
        ends = positions[:, -1:] + 1
        for length in lengths:
            own = [j for j, phrase in enumerate(phrases) if len(phrase) == length]
            rows = torch.tensor([phrases[j] for j in own]).repeat(len(chosen), 1)
            expanded = [
                (layer.keys.repeat_interleave(len(own), 0), layer.values.repeat_interleave(len(own), 0))
                for layer in read.past_key_values.layers
            ]
            seen = torch.cat([mask.repeat_interleave(len(own), 0), torch.ones_like(rows[:, 1:])], 1)
            places = (ends + torch.arange(length - 1)).repeat_interleave(len(own), 0)
            logits = model(
                rows[:, :-1],
                attention_mask=None if full else seen,
                position_ids=places,
                past_key_values=DynamicCache(expanded),
                use_cache=True,
            ).logits
            more = log_probs(logits, rows[:, 1:]).sum(-1)
            sums[:, own] += more.view(len(chosen), len(own))
        for i, values in zip(chosen, sums.tolist()):
            found[i] = values
    return found


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--model", required=True, help="GGUF file")
    arguments.add_argument("--requests", required=True)
    arguments.add_argument("--way", choices=["plain", "shared_prefix"], required=True)
    arguments.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    arguments.add_argument("--batch", type=int, required=True, help="sequences, or prompts, at a time")
    arguments.add_argument("--threads", type=int, default=2)
    given = arguments.parse_args()
    torch.set_num_threads(given.threads)
    torch.set_grad_enabled(False)
    path = Path(given.model).resolve()
    dtype = getattr(torch, given.dtype)
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=dtype).eval()
    tokenizer = gguf_model.tokenizer(path)
    prompts, phrases = gguf_model.requests(given.requests)
    ways = {"plain": plain, "shared_prefix": shared_prefix}

    def score(texts):
        tokens = [tokenizer.encode(text).ids for text in texts]
        return ways[given.way](model, tokens, [tokenizer.encode(text).ids for text in phrases], given.batch)

    score(prompts[:1])
    began = time.perf_counter(), time.process_time()
    found = score(prompts)
    wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    print(json.dumps({"wall": wall, "cpu": cpu, "log_probs": found}))


if __name__ == "__main__":
    main()
