"""Lapidary beside its peers: same data, same configuration, in turn. See README.md."""

import argparse
import gzip
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENT = ROOT / "target/peers"
PROGRAM = ROOT / "target/release/lapidary"
RESULTS = HERE / "results.json"
# Validations without a new best before training ends, on both sides.
PATIENCE = 3
MEASURES = ["epoch_cpu", "epoch_wall", "ranking_cpu", "ranking_wall", "peak_memory"]
# The driver of each peer with its arguments, and the models it has.
PEERS = {
    "rectools": (["rectools_models.py"], ["sasrec", "bert4rec"]),
    "rectools_fast": (["rectools_fast.py"], ["sasrec"]),
    "sasrec_pytorch": (["sasrec_pytorch.py"], ["sasrec"]),
    "recbole": (["recbole_models.py"], ["sasrec", "bert4rec", "gru4rec"]),
    "recbole_unwatched": (["recbole_models.py", "--unwatched"], ["sasrec", "bert4rec", "gru4rec"]),
}


def environment():
    """The Python of the peers' own environment, made when it is missing."""
    python = ENVIRONMENT / "bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--requirement", HERE / "requirements.txt"]
        subprocess.run(pip, check=True)
    return python


def measured(command, **options):
    """Runs a command; its output, wall and processor seconds, and its largest resident memory in MiB."""
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        child = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL, **options)
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        output.seek(0)
        text = output.read()
    if status:
        sys.exit(f"{' '.join(map(str, command))}: failed\n{text}")
    return text, wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def lines_of(path):
    """The interactions as `user item` lines, each user's in the order of time.

    `path` has such lines already, or is a table with the columns user_id, item_id, rating and timestamp.
    """
    text = (gzip.open(path, "rt") if path.suffix == ".gz" else open(path)).read().splitlines()
    if not text[0].startswith("user_id\t"):
        return text
    rows = [line.split("\t") for line in text[1:]]
    rows.sort(key=lambda row: (row[0], int(row[3])))
    numbers = [{name: n for n, name in enumerate(dict.fromkeys(row[k] for row in rows), 1)} for k in (0, 1)]
    return [f"{numbers[0][row[0]]} {numbers[1][row[1]]}" for row in rows]


class Data:
    """A data set, once as a file for the peers and once in a store for Lapidary."""

    def __init__(self, name, path, folder):
        self.name, self.file, self.store = name, folder / f"{name}.txt", folder / f"{name}-store"
        lines = lines_of(path)
        self.file.write_text("\n".join(lines) + "\n")
        self.config = folder / f"{name}.toml"
        self.config.write_text(
            f'name = "{name}"\nformat = "table"\npath = "{folder}"\ninteractions = "{self.file.name}"\n'
            '[columns]\nuser = 1\nitem = 2\nseparator = " "\n'
        )
        measured([PROGRAM, "data", "import", self.config, "--store", self.store])
        lengths = {}
        for line in lines:
            user = line.split(" ")[0]
            lengths[user] = lengths.get(user, 0) + 1
        self.targets = sum(max(0, min(50, length - 3)) for length in lengths.values())


def peer(name, model, data, given, python, more=()):
    (driver, *arguments), _ = PEERS[name]
    command = [python, HERE / driver, *arguments, "--data", data.file, "--model", model, "--epochs", given.epochs]
    command += ["--threads", given.threads, *more]
    if name == "sasrec_pytorch":
        command += ["--checkout", Path(given.sasrec_pytorch).resolve()]
    if name == "rectools" and given.batches:
        command += ["--batches", given.batches]
    with tempfile.TemporaryDirectory() as scratch:
        text, _, _, peak = measured([*map(str, command)], cwd=scratch)
    return json.loads(text.splitlines()[-1]) | {"peak_memory": peak}


class Lapidary:
    """Runs of the program in a store of their own, which go on where the one before stopped."""

    def __init__(self, model, data, given, scratch):
        self.runs = scratch / "runs"
        store = shutil.copytree(data.store, scratch / "store")
        self.command = [PROGRAM, "run", HERE / "lapidary.lua", "--store", store, "--runs", self.runs, "--quiet"]
        self.command += ["--threads", given.threads, "--set", f"data={data.config}", "--set", f"model={model}"]

    def run(self, **settings):
        sets = [word for key, value in settings.items() for word in ("--set", f"{key}={value}")]
        return measured([*map(str, self.command + sets)])


def lapidary(model, data, given):
    with tempfile.TemporaryDirectory() as scratch:
        run = Lapidary(model, data, given, Path(scratch)).run
        one, more = run(epochs=1, rank="false"), run(epochs=given.epochs + 1, rank="false")
        # The model is trained by now: the first of these ranks, the second finds that done too.
        ranked, cached = (run(epochs=given.epochs + 1, rank="true") for _ in range(2))
    quality = next(line for line in ranked[0].splitlines() if "seen items removed" in line)
    return {
        "epoch_cpu": (more[2] - one[2]) / given.epochs / data.targets,
        "epoch_wall": (more[1] - one[1]) / given.epochs / data.targets,
        "ranking_cpu": ranked[2] - cached[2],
        "ranking_wall": ranked[1] - cached[1],
        "peak_memory": max(more[3], ranked[3]),
        "ndcg@10": float(quality.split("ndcg@10")[1].split()[0]),
    }


def curve(model, data, given, seed):
    """Epoch, seconds of training so far, and NDCG@10 of each validation of a training that ends by itself."""
    with tempfile.TemporaryDirectory() as scratch:
        trained = Lapidary(model, data, given, Path(scratch))
        trained.run(
            epochs=given.epochs, rank="false", validate_every=given.to_quality, patience=PATIENCE, seed=seed,
            learning_rate=given.learning_rate,
        )
        lines = next(trained.runs.glob("*/metrics.jsonl")).read_text().splitlines()
    seconds, points = 0.0, []
    for epoch in map(json.loads, lines):
        seconds += epoch["values"]["train_seconds"]
        if "ndcg@10" in epoch["values"]:
            points.append((epoch["epoch"], seconds, epoch["values"]["ndcg@10"]))
    return points


def compare(model, data, names, given, python):
    """Rows of the table, each peer's measures."""
    ours, theirs = [], {name: [] for name in names}
    for pair in range(given.pairs):
        ours.append(lapidary(model, data, given))
        print(f"{data.name} {model}, pair {pair + 1} of {given.pairs}\n  lapidary {json.dumps(ours[-1])}", flush=True)
        for name in names:
            theirs[name].append(peer(name, model, data, given, python))
            print(f"  {name} {json.dumps(theirs[name][-1])}", flush=True)
    for name in names:
        for measure in MEASURES:
            of_ours, of_peers = ([found[measure] for found in all] for all in (ours, theirs[name]))
            yield row(name, model, data, measure, of_ours, of_peers)


def to_quality(model, data, given, python):
    """Rows of the seconds of training until the validation NDCG@10 that RecTools has at its best."""
    pairs = []
    for pair in range(given.pairs):
        more = ["--validate-every", given.to_quality, "--patience", PATIENCE, "--seed", pair + 1]
        more += ["--learning-rate", given.learning_rate]
        theirs = peer("rectools", model, data, given, python, more)["curve"]
        best = max(theirs, key=lambda point: point[3])
        print(f"{data.name} {model}, pair {pair + 1} of {given.pairs}\n  rectools {json.dumps(best)} of {len(theirs)}", flush=True)
        ours = curve(model, data, given, pair + 1)
        reached = [point for point in ours if point[2] >= best[3]]
        if not reached:
            sys.exit(f"Lapidary never reached {best[3]}; its validations: {json.dumps(ours)}")
        print(f"  lapidary {json.dumps(reached[0])} of {len(ours)}", flush=True)
        pairs.append((reached[0][1], best[1]))
    yield row("rectools", model, data, "time_to_quality", *zip(*pairs))


def row(peer, model, data, measure, ours, peers):
    """Medians of the pairs, and the median of their ratios."""
    return {
        "peer": peer,
        "model": model,
        "dataset": data.name,
        "measure": measure,
        "ours": statistics.median(ours),
        "peers": statistics.median(peers),
        "ratio": statistics.median(o / p for o, p in zip(ours, peers)),
        "pairs": len(ours),
    }


def machine():
    """The processor by its name, and the number of its cores."""
    told = subprocess.run(["lscpu"], capture_output=True, text=True, check=False).stdout
    names = [line.partition(":")[2].strip() for line in told.splitlines() if line.startswith("Model name")]
    return {"processor": names[0] if names else platform.machine(), "cores": os.cpu_count()}


def keep(rows, given):
    """Adds rows to the results; those of the same comparison are replaced."""
    same = lambda row: tuple(row[key] for key in ("peer", "model", "dataset", "measure"))
    found = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    new = {same(row) for row in rows}
    kept = [row for row in found if same(row) not in new]
    results = {"rows": kept + [row | {"machine": machine(), "threads": given.threads} for row in rows]}
    unfinished = RESULTS.with_suffix(".new")
    unfinished.write_text(json.dumps(results, indent=1) + "\n")
    unfinished.replace(RESULTS)


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", required=True, metavar="NAME=FILE", help="`user item` lines or a table; maybe gzip")
    arguments.add_argument("--model", choices=["sasrec", "bert4rec", "gru4rec"], default="sasrec")
    arguments.add_argument("--peers", help="names, with commas between; all that have the model")
    arguments.add_argument("--sasrec-pytorch", metavar="DIR", help="a clone of github.com/pmixer/SASRec.pytorch")
    arguments.add_argument("--pairs", type=int, default=5)
    arguments.add_argument("--epochs", type=int, default=2)
    arguments.add_argument("--batches", type=int, help="batches of an epoch of RecTools that are timed; all")
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--learning-rate", type=float, default=0.001, help="of both sides of --to-quality")
    arguments.add_argument(
        "--to-quality",
        type=int,
        metavar="EPOCHS",
        help="train to RecTools' best quality instead, with so many epochs between validations; --epochs bounds them",
    )
    given = arguments.parse_args()
    having = [name for name, (_, models) in PEERS.items() if given.model in models]
    if not given.sasrec_pytorch:
        having = [name for name in having if name != "sasrec_pytorch"]
    names = given.peers.split(",") if given.peers else having
    if unknown := [name for name in names if name not in having]:
        sys.exit(f"no {given.model} of {', '.join(unknown)} here; there are {', '.join(having)}")
    name, _, path = given.data.partition("=")
    if not Path(path).is_file():
        sys.exit(f"--data {given.data}: NAME=FILE is expected, and there is no file `{path}`")
    python = environment()
    with tempfile.TemporaryDirectory() as scratch:
        data = Data(name, Path(path), Path(scratch))
        if given.to_quality:
            rows = list(to_quality(given.model, data, given, python))
        else:
            rows = list(compare(given.model, data, names, given, python))
    keep(rows, given)
    print("\n| peer | measure | lapidary | peer's | ratio |\n|---|---|---|---|---|")
    for row in rows:
        print(f"| {row['peer']} | {row['measure']} | {row['ours']:.4g} | {row['peers']:.4g} | {row['ratio']:.3f} |")


if __name__ == "__main__":
    main()
