"""How time and memory of training SASRec grow with users, items and length, each doubled five times; and what a
catalogue of a million items takes. Writes scaling.json, and scaling.svg with the peers' environment (see peers/README.md).

    cargo build --release
    target/peers/bin/python benches/scaling.py [--million]
"""

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "peers"))
from run import PROGRAM, measured  # noqa: E402

BASE = {"users": 2000, "items": 2000, "length": 25}
DOUBLINGS = 5


def write(folder, users, items, length):
    """Sequences of `length` + 3 items, drawn from the catalogue; one user more has every item once."""
    draw = random.Random(1)
    lines = [f"0\t{item}" for item in range(items)]
    lines += [f"{user}\t{draw.randrange(items)}" for user in range(1, users) for _ in range(length + 3)]
    (folder / "sequences.tsv").write_text("user\titem\n" + "\n".join(lines) + "\n")
    (folder / "data.toml").write_text(
        f'name = "synthetic"\nformat = "table"\npath = "{folder}"\ninteractions = "sequences.tsv"\n'
        '[columns]\nuser = "user"\nitem = "item"\n'
    )


def train(folder, epochs, length, threads, **settings):
    """Wall seconds, processor seconds and peak MiB of a run that trains and does not rank."""
    settings = {"data": folder / "data.toml", "epochs": epochs, "max_len": length, "rank": "false", **settings}
    command = [PROGRAM, "run", HERE / "peers/lapidary.lua", "--store", folder / "store", "--runs", folder / "runs"]
    command += ["--quiet", "--threads", threads]
    command += [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]
    return measured([*map(str, command)])[1:]


def epoch(size, threads, **settings):
    """What an epoch takes: the difference of two runs, so that what is done once does not count."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        write(folder, **size)
        measured([PROGRAM, "data", "import", folder / "data.toml", "--store", folder / "store"])
        one = train(folder, 1, size["length"], threads, **settings)
        more = train(folder, 3, size["length"], threads, **settings)
    found = size | settings
    return found | {"seconds": (more[0] - one[0]) / 2, "cpu": (more[1] - one[1]) / 2, "peak_mib": more[2]}


def doubled(threads):
    rows = []
    for axis in BASE:
        for doubling in range(DOUBLINGS + 1):
            row = epoch(BASE | {axis: BASE[axis] << doubling}, threads)
            rows.append({"axis": axis, **row})
            print(json.dumps(rows[-1]), flush=True)
    return rows


def million(threads):
    """Three steps of 128 sequences of 50 items over a catalogue of a million."""
    size = {"users": 384, "items": 1_000_000, "length": 50}
    rows = []
    for loss, negatives in [("cross_entropy", 1), ("sampled_cross_entropy", 4096)]:
        rows.append(epoch(size, threads, loss=loss, negatives=negatives, batch_size=128))
        print(json.dumps(rows[-1]), flush=True)
    return rows


def plot(rows, path):
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    for panel, (measure, label) in zip(panels, [("cpu", "epoch, processor s"), ("peak_mib", "peak memory, MiB")]):
        for axis, marker in zip(BASE, "osd"):
            values = [row[measure] for row in rows if row["axis"] == axis]
            panel.loglog([1 << n for n in range(len(values))], values, marker=marker, base=2, label=axis)
        panel.set(xlabel="times " + ", ".join(f"{size:,} {axis}" for axis, size in BASE.items()), ylabel=label)
        panel.grid(alpha=0.3)
        panel.legend()
    figure.savefig(path)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--million", action="store_true", help="only the catalogue of a million items")
    given = arguments.parse_args()
    if given.million:
        million(given.threads)
        return
    rows = doubled(given.threads)
    (HERE / "scaling.json").write_text(json.dumps(rows, indent=1) + "\n")
    plot(rows, HERE / "scaling.svg")


if __name__ == "__main__":
    main()
