"""Log-likelihoods of phrases with llama.cpp; prints one line of JSON.

A prompt with its phrases is one tree of coupled sequences: a token that several phrases have in common is decoded once
and belongs to the sequences of all of them. Logits are asked for where a token follows and nowhere else.
"""

import argparse
import json
import sys
import time

import gguf_model
import llama_cpp as lib
import numpy as np

# GGML_TYPE_F32 and GGML_LOG_LEVEL_ERROR.
F32, ERROR = 0, 4


class Tree:
    """Phrases as a tree after a prompt's last token: all tokens but each phrase's last."""

    def __init__(self, phrases):
        nodes = {(): []}
        for j, phrase in enumerate(phrases):
            for end in range(1, len(phrase)):
                nodes.setdefault(tuple(phrase[:end]), []).append(j)
        self.places = {node: i for i, node in enumerate(sorted(nodes, key=lambda n: (len(n), n)))}
        # A sequence for each node that no other node goes on from.
        ways = list(self.places)
        leaves = [n for n in ways if not any(len(m) > len(n) and m[: len(n)] == n for m in ways)]
        self.leaves = len(leaves)
        self.nodes = [(n, [s for s, leaf in enumerate(leaves) if leaf[: len(n)] == n]) for n in ways]
        # For each phrase the places and the tokens asked for there.
        self.asked = [[(self.places[tuple(p[:k])], p[k]) for k in range(len(p))] for p in phrases]


class Model:
    def __init__(self, path, threads, batch, flash, repack):
        lib.llama_backend_init()
        lib.llama_log_set(quiet, None)
        settings = lib.llama_model_default_params()
        settings.use_extra_bufts = repack
        self.model = lib.llama_model_load_from_file(str(path).encode(), settings)
        settings = lib.llama_context_default_params()
        settings.n_ctx, settings.n_batch, settings.n_ubatch = batch, batch, batch
        settings.n_seq_max, settings.kv_unified = min(batch, lib.llama_max_parallel_sequences()), True
        settings.n_threads = settings.n_threads_batch = threads
        settings.flash_attn_type = int(flash)
        settings.type_k = settings.type_v = F32
        self.context = lib.llama_init_from_model(self.model, settings)
        if not self.context:
            raise SystemExit("llama.cpp made no context")
        self.batch = lib.llama_batch_init(batch, 0, settings.n_seq_max)
        self.size, self.sequences = batch, settings.n_seq_max
        self.width = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(self.model))

    def put(self, token, position, sequences, asked):
        batch, i = self.batch, self.batch.n_tokens
        batch.token[i], batch.pos[i], batch.logits[i] = token, position, asked
        batch.n_seq_id[i] = len(sequences)
        for k, sequence in enumerate(sequences):
            batch.seq_id[i][k] = sequence
        batch.n_tokens += 1

    def score(self, prompts, phrases):
        tree = Tree(phrases)
        group, found, size = [], [], 0
        for prompt in prompts:
            added = len(prompt) + len(tree.nodes) - 1
            if size + added > self.size or (len(group) + 1) * tree.leaves > self.sequences:
                found += self.decode(group, tree)
                group, size = [], 0
            group.append(prompt)
            size += added
        return found + self.decode(group, tree)

    def decode(self, prompts, tree):
        """One pass over whole trees of several prompts."""
        self.batch.n_tokens = 0
        for number, prompt in enumerate(prompts):
            start = number * tree.leaves
            for i, token in enumerate(prompt):
                self.put(token, i, range(start, start + tree.leaves), i + 1 == len(prompt))
            for node, leaves in tree.nodes[1:]:
                self.put(node[-1], len(prompt) + len(node) - 1, [start + leaf for leaf in leaves], True)
        lib.llama_memory_clear(lib.llama_get_memory(self.context), False)
        if lib.llama_decode(self.context, self.batch):
            raise SystemExit("llama.cpp did not decode")
        # Logits of the places that asked for them lie one after the other.
        rows = len(prompts) * len(tree.nodes)
        logits = np.ctypeslib.as_array(lib.llama_get_logits(self.context), (rows, self.width))
        norms = [logsumexp(row) for row in logits]
        found = []
        for first in range(0, rows, len(tree.nodes)):
            terms = [[(first + place, token) for place, token in asked] for asked in tree.asked]
            found.append([float(sum(logits[r, t] - norms[r] for r, t in asked)) for asked in terms])
        return found


def logsumexp(row):
    largest = row.max()
    return largest + np.log(np.exp(row - largest).sum())


@lib.llama_log_callback
def quiet(level, text, data):
    """Errors alone are shown."""
    if level == ERROR:
        print(text.decode(), end="", file=sys.stderr)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--model", required=True, help="GGUF file")
    arguments.add_argument("--requests", required=True)
    arguments.add_argument("--batch", type=int, default=512, help="tokens in one pass")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--flash", action="store_true", help="flash attention, which takes keys and values in f16")
    arguments.add_argument("--no-repack", action="store_true", help="leave the weights in the file's form")
    given = arguments.parse_args()
    tokenizer = gguf_model.tokenizer(given.model)
    prompts, phrases = gguf_model.requests(given.requests)
    model = Model(given.model, given.threads, given.batch, given.flash, not given.no_repack)

    def score(texts):
        tokens = [tokenizer.encode(text).ids for text in texts]
        return model.score(tokens, [tokenizer.encode(text).ids for text in phrases])

    score(prompts[:1])
    began = time.perf_counter(), time.process_time()
    found = score(prompts)
    wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    print(json.dumps({"wall": wall, "cpu": cpu, "log_probs": found}))


if __name__ == "__main__":
    main()
