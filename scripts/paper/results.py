"""Gathers the comparisons of finished runs into results.json, and writes RESULTS.md's tables from it.

    python3 scripts/paper/results.py RUN…    # folders under runs/; none: only RESULTS.md is written anew
"""

import argparse
import json
import shlex
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results.json"
PAGE = HERE.parent.parent / "RESULTS.md"
BEGIN, END = "<!-- tables -->", "<!-- end of tables -->"
# What base_vs_refined.lua measures beside its own table.
BESIDE = ["controls", "refined_vs_trained_on"]
TABLES = ["base_vs_refined", "refined_vs_trained_on", "fine_tuning", "ablations"]
EXPERIMENTS = ["base_vs_refined", *BESIDE, "fine_tuning", "ablations"]
TITLES = {
    "base_vs_refined": "base against refined, with controls",
    "fine_tuning": "users asked, zero-shot and fine-tuned",
    "ablations": "ablations",
}
DOMAINS = ["movies", "clothing", "games"]
BACKBONES = ["gru4rec", "sasrec", "bert4rec"]
KEPT = ", seen kept"
METRICS = ["mrr@10", "recall@10", "ndcg@10"]


def command_of(run):
    """What was typed, without where results were kept."""
    words, kept = run["command"][1:], ["lapidary"]
    skip = False
    for word in words:
        if skip or word in ("--quiet", "-q"):
            skip = False
        elif word in ("--store", "--runs", "--plugin-dir", "--threads"):
            skip = True
        else:
            kept.append(word)
    return shlex.join(kept)


def guided_of(run):
    """Fingerprint of the language model's scores; a script that makes some of its own makes them later."""
    stages = run["artefacts"].values()
    return next((s["fingerprint"] for s in stages if "strategy" in s["inputs"] and "llm" in s["inputs"]), None)


def rows_of(folder):
    """The rows of a run's comparison."""
    try:
        run = json.loads((folder / "run.json").read_text())
    except OSError as error:
        sys.exit(f"{folder}: no run's folder: {error}")
    if run["outcome"] != "done":
        sys.exit(f"{folder}: the run is not done but `{run['outcome']}`")
    found = [name for name in TABLES if (folder / f"tables/{name}.json").exists()]
    if not found:
        sys.exit(f"{folder}: holds none of the tables {', '.join(TABLES)}")
    settings = run["settings"]
    for table in found:
        figures = json.loads((folder / f"tables/{table}.json").read_text())
        first = figures[0]["way"]
        bases = {(f["metric"], f["seen"]): f for f in figures if f["way"] == first}
        for figure in figures:
            base = bases[figure["metric"], figure["seen"]]
            if figure is base:
                continue
            control = table == "base_vs_refined" and figure["way"] != "refined"
            yield {
                "experiment": ("controls" if control else table) + KEPT * (figure["seen"] == "kept"),
                "domain": settings["domain"],
                "backbone": settings["backbone"],
                "way": figure["way"],
                "metric": figure["metric"],
                "base": first,
                "base_mean": base["mean"],
                "base_sd": base["sd"],
                "refined_mean": figure["mean"],
                "refined_sd": figure["sd"],
                "gain": figure["gain"],
                "p": figure["p"],
                "seeds": settings["seeds"],
                "model": settings["model"],
                "guided": guided_of(run),
                "device": run["device"],
                "command": command_of(run),
            }


def comparison(row):
    return row["experiment"].removesuffix(KEPT), row["domain"], row["backbone"], row["model"]


def number(value, sd):
    return f"{value:.4f}" + (f" ± {sd:.4f}" if sd is not None else "")


def scores_of(row):
    return f"; guided scores `{row['guided'][:16]}`" if row.get("guided") else ""


def tables(rows):
    """One table a run; the way that the others are held against stands first. Figures with seen items kept stay in the JSON."""
    groups = {}
    for row in rows:
        if not row["experiment"].endswith(KEPT):
            groups.setdefault((row["domain"], row["backbone"], row["command"]), []).append(row)
    for (domain, backbone, command), group in sorted(groups.items(), key=lambda item: place(*item)):
        group.sort(key=order)
        first = group[0]
        yield f"### {domain.capitalize()}, {backbone}: {TITLES[first['experiment']]}\n"
        yield f"`{command}`; {first['seeds']} seeds, {first['model']}, {first['device']}{scores_of(first)}.\n"
        yield "| way | " + " | ".join(f"{m} | gain | p" for m in METRICS) + " |"
        yield "|---" * (1 + 3 * len(METRICS)) + "|"
        bases = {row["metric"]: row for row in reversed(group) if row["base"] == first["base"]}
        cells = [f"{number(bases[m]['base_mean'], bases[m]['base_sd'])} | | " for m in METRICS]
        yield f"| {first['base']} | " + " | ".join(cells) + " |"
        for base, way in dict.fromkeys((row["base"], row["way"]) for row in group):
            own = {row["metric"]: row for row in group if (row["base"], row["way"]) == (base, way)}
            gains = [f"{100 * own[m]['gain']:+.1f} % | {own[m]['p']:.3f}" for m in METRICS]
            if base != first["base"]:
                yield f"| {way} against {base} | " + " | ".join(f"| {gain}" for gain in gains) + " |"
                continue
            means = [number(own[m]["refined_mean"], own[m]["refined_sd"]) for m in METRICS]
            yield f"| {way} | " + " | ".join(f"{mean} | {gain}" for mean, gain in zip(means, gains)) + " |"
        yield ""


def order(row):
    return EXPERIMENTS.index(row["experiment"])


def place(key, group):
    domain, backbone, _ = key
    known = lambda name, names: names.index(name) if name in names else len(names)
    return min(map(order, group)), known(domain, DOMAINS), known(backbone, BACKBONES), key


def write(path, text):
    unfinished = path.with_suffix(path.suffix + ".new")
    unfinished.write_text(text)
    unfinished.replace(path)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("runs", nargs="*", type=Path, metavar="RUN")
    given = arguments.parse_args()
    rows = json.loads(RESULTS.read_text())["rows"] if RESULTS.exists() else []
    for folder in given.runs:
        new = list(rows_of(folder))
        replaced = {comparison(row) for row in new}
        # A table of base and refined brings its controls, or has none.
        replaced |= {(beside, *same) for table, *same in replaced if table == "base_vs_refined" for beside in BESIDE}
        rows = [row for row in rows if comparison(row) not in replaced] + new
    write(RESULTS, json.dumps({"rows": rows}, indent=1) + "\n")
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    write(PAGE, before + BEGIN + "\n\n" + "\n".join(tables(rows)) + "\n" + END + after)


if __name__ == "__main__":
    main()
