"""Lapidary beside its peers: same data, same configuration, in turn. See README.md."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MEASURES = ["epoch_cpu", "epoch_wall", "ranking_wall", "peak_memory"]


def environment():
    """The Python of the peers' own environment, made when it is missing."""
    python = ROOT / "target/peers/bin/python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", ROOT / "target/peers"], check=True)
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


def rectools(given, python):
    command = [python, HERE / "rectools_sasrec.py", "--data", given.data, "--epochs", given.epochs]
    text, _, _, peak = measured([*map(str, command), "--threads", str(given.threads)])
    found = json.loads(text.splitlines()[-1])
    # The first epoch warms up.
    epochs = slice(1, None) if given.epochs > 1 else slice(None)
    return {
        "targets": found["targets"],
        "epoch_cpu": statistics.mean(found["epoch_cpu"][epochs]) / found["targets"],
        "epoch_wall": statistics.mean(found["epoch_wall"][epochs]) / found["targets"],
        "ranking_wall": found["ranking_wall"],
        "peak_memory": peak,
        "ndcg@10": found["ndcg@10"],
    }


def lapidary(given, targets):
    program = ROOT / "target/release/lapidary"
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        config = scratch / "data.toml"
        data = Path(given.data).resolve()
        config.write_text(
            f'name = "peers"\nformat = "table"\npath = "{data.parent}"\ninteractions = "{data.name}"\n'
            '[columns]\nuser = 1\nitem = 2\nseparator = " "\n'
        )
        subprocess.run(
            [program, "data", "import", config, "--store", scratch / "store"],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

        def run(epochs):
            runs = scratch / f"runs{epochs}"
            command = [program, "run", HERE / "lapidary_sasrec.lua", "--store", scratch / "store", "--runs", runs]
            command += ["--threads", given.threads, "--set", f"data={config}", "--set", f"epochs={epochs}"]
            _, wall, cpu, peak = measured([*map(str, command)])
            folder = next(runs.iterdir())
            lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
            stages = json.loads((folder / "run.json").read_text())["artefacts"]
            ranking = next(s["seconds"] for name, s in stages.items() if name.startswith("evaluation"))
            ndcg = next(v for line in reversed(lines) for k, v in flat(line) if k == "ndcg@10")
            return wall, cpu, peak, ranking, ndcg

        one, more = run(1), run(given.epochs + 1)
    return {
        "epoch_cpu": (more[1] - one[1]) / given.epochs / targets,
        "epoch_wall": (more[0] - one[0]) / given.epochs / targets,
        "ranking_wall": more[3],
        "peak_memory": more[2],
        "ndcg@10": more[4],
    }


def flat(value):
    """Keys and values of nested objects."""
    for key, inner in value.items():
        yield from flat(inner) if isinstance(inner, dict) else [(key, inner)]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--data", required=True, help="file of `user item` lines, plain or gzip")
    arguments.add_argument("--dataset", help="its name in the results (the file's)")
    arguments.add_argument("--pairs", type=int, default=5)
    arguments.add_argument("--epochs", type=int, default=2)
    arguments.add_argument("--threads", type=int, default=2)
    given = arguments.parse_args()
    dataset = given.dataset or Path(given.data).name.split(".")[0]
    python = environment()
    theirs, ours = [], []
    for pair in range(given.pairs):
        theirs.append(rectools(given, python))
        ours.append(lapidary(given, theirs[0]["targets"]))
        print(f"pair {pair + 1} of {given.pairs}: {json.dumps({'rectools': theirs[-1], 'lapidary': ours[-1]})}")
    rows = []
    for measure in MEASURES:
        ratios = [o[measure] / t[measure] for o, t in zip(ours, theirs)]
        rows.append(
            {
                "peer": "rectools",
                "model": "sasrec",
                "dataset": dataset,
                "measure": measure,
                "ours": statistics.median(o[measure] for o in ours),
                "peers": statistics.median(t[measure] for t in theirs),
                "ratio": statistics.median(ratios),
                "pairs": given.pairs,
            }
        )
    machine = {"processor": platform.processor() or platform.machine(), "cores": os.cpu_count()}
    results = {"machine": machine, "threads": given.threads, "rows": rows}
    (HERE / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    print("\n| measure | lapidary | rectools | ratio |\n|---|---|---|---|")
    for row in rows:
        print(f"| {row['measure']} | {row['ours']:.4g} | {row['peers']:.4g} | {row['ratio']:.3f} |")


if __name__ == "__main__":
    main()
