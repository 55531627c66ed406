"""Scoring by the local language model beside its peers: same prompts, same phrases, same model, in turn. See README.md."""

import argparse
import gzip
import json
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from run import machine, measured

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENT = ROOT / "target/peers"
PROGRAM = ROOT / "target/release/lapidary"
ATTRIBUTES = ROOT / "configs/attributes/movies.toml"
ITEMS = ROOT / "configs/datasets/movietweetings/items.jsonl.gz"
MODEL = ROOT / ".deps/models/SmolLM2-135M-Instruct.Q4_1.gguf"
RESULTS = HERE / "scoring.json"
# How far a log-likelihood in f32 may be from Lapidary's.
TOLERANCE = 1e-3


class Peer:
    """A driver with its arguments. `share`: the part of the items that it is given, as some are slow."""

    def __init__(self, driver, *arguments, model=None, batches, share=1, exact=True):
        self.driver, self.arguments, self.model = driver, arguments, model
        self.batches, self.share, self.exact = batches, share, exact

    def run(self, given, python, requests, batch):
        command = [python, HERE / self.driver, "--model", self.model or given.model, "--requests", requests]
        command += [*self.arguments, "--threads", given.threads, "--batch", batch]
        return json.loads(measured([*map(str, command)])[0].splitlines()[-1])


def peers(f32, bf16):
    """`batches` are those tried when tuning."""
    return {
        "transformers": Peer("transformers_scoring.py", "--way", "plain", batches=[16, 32, 64], share=8),
        "transformers_shared_prefix": Peer(
            "transformers_scoring.py", "--way", "shared_prefix", batches=[4, 8, 16]
        ),
        "llama_cpp": Peer("llama_cpp_scoring.py", model=f32, batches=[192, 256, 512]),
        "llama_cpp_flash": Peer("llama_cpp_scoring.py", "--flash", model=f32, batches=[256, 512], exact=False),
        "transformers_bf16": Peer(
            "transformers_scoring.py", "--way", "shared_prefix", "--dtype", "bfloat16", batches=[4, 8, 16], exact=False
        ),
        "llama_cpp_bf16": Peer("llama_cpp_scoring.py", model=bf16, batches=[192, 256, 512], exact=False),
        # Repacked for AMX, Q4_1 ends in a segmentation fault (ggml-org/llama.cpp#20824).
        "llama_cpp_q4": Peer("llama_cpp_scoring.py", "--flash", "--no-repack", batches=[256, 512], exact=False),
    }


def environment():
    """The Python of the peers' own environment, made where it is missing; pip adds what is missing in it."""
    python = ENVIRONMENT / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
    for name in ["requirements.txt", "requirements-llama-cpp.txt"]:
        pip = [python, "-m", "pip", "install", "--quiet", "--requirement", HERE / name]
        subprocess.run(pip, check=True)
    return python


class Items:
    """A data set of some of the films, evenly spread, and what Lapidary asks about them."""

    def __init__(self, folder, n):
        lines = gzip.open(ITEMS, "rt").read().splitlines()
        chosen = [lines[i * len(lines) // n] for i in range(n)]
        folder.mkdir()
        (folder / "items.jsonl").write_text("\n".join(chosen) + "\n")
        rows = [f"1\t{json.loads(line)['item_id']}\t1\t{second}" for second, line in enumerate(chosen)]
        (folder / "interactions.tsv").write_text("\n".join(["user_id\titem_id\trating\ttimestamp", *rows]) + "\n")
        self.config = folder / "data.toml"
        self.config.write_text(f'name = "films"\nformat = "canonical"\npath = "{folder}"\n')
        self.n, self.folder, self.requests = n, folder, folder / "requests.jsonl"
        asking = [PROGRAM.parent / "examples/print_requests", self.config, ATTRIBUTES]
        plugins = {**os.environ, "LAPIDARY_PLUGIN_PATH": str(PROGRAM.parent)}
        self.requests.write_text(measured([*map(str, asking)], env=plugins)[0])
        subprocess.run(
            [PROGRAM, "data", "import", self.config, "--store", folder / "store"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def part(self, share):
        """A file with every `share`-th request."""
        path = self.folder / f"requests{share}.jsonl"
        path.write_text("".join(self.requests.read_text().splitlines(keepends=True)[::share]))
        return path


def lapidary(given, items):
    """Processor seconds of a whole run, and the log-likelihoods it left, in no particular order."""
    with tempfile.TemporaryDirectory() as scratch:
        store = shutil.copytree(items.folder / "store", Path(scratch) / "store")
        command = [PROGRAM, "run", HERE / "lapidary_scoring.lua", "--store", store, "--runs", Path(scratch) / "runs"]
        command += ["--threads", given.threads, "--device", "cpu", "--quiet", "--set", f"data={items.config}"]
        command += ["--set", f"model={given.model}", "--set", f"attributes={ATTRIBUTES}", "--set", f"dtype={given.dtype}"]
        cpu = measured([*map(str, command)])[2]
        with sqlite3.connect(store / "answers.sqlite") as opened:
            rows = opened.execute("SELECT answer FROM answers").fetchall()
    if len(rows) != items.n:
        sys.exit(f"Lapidary gave {len(rows)} answers about {items.n} films")
    return cpu, [json.loads(row[0])["likelihood"]["log_probs"] for row in rows]


def difference(ours, theirs):
    """The largest difference of a log-likelihood. Answers are kept without their question: the nearest is the same."""
    apart = lambda a, b: max(abs(x - y) for x, y in zip(a, b))
    nearest = [min(range(len(ours)), key=lambda i: apart(ours[i], row)) for row in theirs]
    if len(set(nearest)) < len(theirs):
        sys.exit("two answers of the peer are nearest to the same of Lapidary")
    return max(apart(ours[i], row) for i, row in zip(nearest, theirs))


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--pairs", type=int, default=5)
    arguments.add_argument("--items", type=int, default=128, help="films scored in a run")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--model", type=Path, default=MODEL, help="GGUF file")
    arguments.add_argument("--dtype", choices=["f32", "bf16"], default="f32", help="what Lapidary computes with")
    arguments.add_argument("--peers", help="names, with commas between; all")
    given = arguments.parse_args()
    python = environment()
    files = {dtype: ENVIRONMENT / f"{given.model.stem}.{dtype}.gguf" for dtype in ("f32", "bf16")}
    for dtype, file in files.items():
        if not file.exists():
            make = f"import gguf_model; gguf_model.written_as({dtype!r}, {str(given.model)!r}, {str(file)!r})"
            subprocess.run([python, "-c", make], check=True, cwd=HERE)
    known = peers(**files)
    names = given.peers.split(",") if given.peers else list(known)
    with tempfile.TemporaryDirectory() as scratch:
        few, items = Items(Path(scratch) / "few", 64), Items(Path(scratch) / "items", 64 + given.items)
        phrases = len(json.loads(items.requests.open().readline())["ask"]["likelihood"]["continuations"])
        batches, checks = {}, {}
        reference = lapidary(given, items)[1]
        for name in names:
            peer = known[name]
            requests, tried = items.part(max(4, peer.share * 2)), {}
            for batch in peer.batches:
                found = peer.run(given, python, requests, batch)
                tried[batch] = round(found["cpu"], 2)
            batches[name] = min(tried, key=tried.get)
            checks[name] = difference(reference, found["log_probs"])
            print(f"{name}: processor seconds by batch {tried}; log-likelihoods {checks[name]:.0e} from Lapidary's", flush=True)
            if given.dtype == "f32" and peer.exact and checks[name] > TOLERANCE:
                sys.exit(f"{name} computes something else")
        ours, theirs = [], {name: [] for name in names}
        for pair in range(given.pairs):
            ours.append(given.items * phrases / (lapidary(given, items)[0] - lapidary(given, few)[0]))
            for name in names:
                found = known[name].run(given, python, items.part(known[name].share), batches[name])
                theirs[name].append(len(found["log_probs"]) * phrases / found["cpu"])
            last = {name: round(values[-1], 1) for name, values in theirs.items()}
            print(f"pair {pair + 1} of {given.pairs}: {json.dumps({'lapidary': round(ours[-1], 1), **last})}", flush=True)
    rows = [
        {
            "peer": name,
            "model": "smollm2-135m",
            "dataset": "movietweetings",
            "measure": "phrases_per_cpu_second",
            "dtype": given.dtype,
            "ours": statistics.median(ours),
            "peers": statistics.median(theirs[name]),
            "ratio": statistics.median(o / t for o, t in zip(ours, theirs[name])),
            "pairs": given.pairs,
        }
        for name in names
    ]
    kept = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    kept = [row for row in kept if row["dtype"] != given.dtype]
    results = {"rows": kept + [row | {"machine": machine(), "threads": given.threads} for row in rows]}
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    print("\n| phrases per processor second | lapidary | peer | ratio | largest difference |\n|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['peer']} | {row['ours']:.0f} | {row['peers']:.0f} | {row['ratio']:.2f} | {checks[row['peer']]:.0e} |")


if __name__ == "__main__":
    main()
