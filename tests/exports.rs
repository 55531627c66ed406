//! What `lapidary export` writes is read by others and says the same.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods
)]

mod place;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use lapidary_testkit::programs::python;
use place::{Place, text, workspace};
use serde_json::Value;
use tch::{CModule, IValue, Kind, Tensor};

/// Every backbone, and one written in Lua; all ways in which users and items make a score.
const SCRIPT: &str = r#"
local data = lapidary.dataset("tests/fixtures/tiny.toml")
local split = data:leave_one_out { max_len = 6 }
local names, members = data:categories { least = 8 }
local guided = lapidary.guided(split, { attributes = names, items = members })
local base = lapidary.base_embedder("ppmi_svd", { dim = 16 }):fit(split)
for _, way in ipairs {
  { "sasrec", { heads = 1, layers = 1 }, "scored", "dot", true },
  { "gru4rec", {}, "backbone", "dot", true },
  { "bert4rec", { heads = 1, layers = 1 }, "scored", "cosine", true },
  { "esasrec", { heads = 1, layers = 1 }, "hidden", "dot", false },
  { "min_gru", { layers = 1 }, "scored", "cosine", false },
} do
  local name, settings, users, score, tied = table.unpack(way)
  local refined = lapidary.refine {
    base = base, guided = guided, reducer = lapidary.reducer("pca"), dim = 16,
    users = users, score = score, tied = tied, temperature = score == "cosine" and 0.2 or 1,
  }
  print(name, lapidary.backbone(name, settings):fit(split, refined, { epochs = 2 }).fingerprint)
end
"#;

/// Users whose interactions have all different times.
const USERS: [&str; 3] = ["27", "68", "443"];

struct Trained {
    place: Place,
    run: PathBuf,
    /// Backbone and fingerprint.
    models: Vec<(String, String)>,
}

fn trained() -> &'static Trained {
    static TRAINED: OnceLock<Trained> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let place = Place::new();
        let script = place.path("trained.lua");
        std::fs::write(&script, SCRIPT).unwrap();
        let more = ["--plugin-dir", "scripts/components"];
        let printed = text(&place.run(script.to_str().unwrap(), &more));
        let models = printed.lines().filter_map(|line| line.split_once('\t'));
        let models = models.map(|(name, of)| (name.to_owned(), of.to_owned()));
        Trained {
            models: models.collect(),
            run: place.latest_run(),
            place,
        }
    })
}

impl Trained {
    /// Runs a command about the run.
    fn ask(&self, command: &[&str], more: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_lapidary"))
            .current_dir(workspace())
            .args(command)
            .arg(&self.run)
            .args(["--plugin-dir", "scripts/components", "--plugin-dir"])
            .arg(self.place.path("plugins"))
            .arg("--store")
            .arg(self.place.path("store"))
            .args(more)
            .output()
            .unwrap();
        text(&output)
    }

    fn recommended(&self, model: &str, user: &str) -> Vec<(String, f64)> {
        let more = ["--model", model, "--user", user, "-k", "5", "--json"];
        let answer: Value = serde_json::from_str(&self.ask(&["recommend"], &more)).unwrap();
        let rows = answer["items"].as_array().unwrap().iter();
        let row = |row: &Value| {
            (
                row["item"].as_str().unwrap().to_owned(),
                row["score"].as_f64().unwrap(),
            )
        };
        rows.map(row).collect()
    }

    /// Exports a model for serving; the folder.
    fn serving(&self, backbone: &str, model: &str, batch: &str) -> PathBuf {
        let folder = self.place.path(&format!("{backbone}-{batch}"));
        if !folder.exists() {
            let output = folder.to_str().unwrap();
            self.ask(
                &["export", "serving"],
                &["-o", output, "--model", model, "--batch", batch],
            );
        }
        folder
    }
}

/// What a user had, oldest first.
fn history(user: &str) -> Vec<String> {
    let file = workspace().join("tests/fixtures/tiny/interactions.tsv");
    let all = std::fs::read_to_string(file).unwrap();
    let rows = all
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let mut rows: Vec<(u64, String)> = rows
        .filter(|row| row[0] == user)
        .map(|row| (row[3].parse().unwrap(), row[1].to_owned()))
        .collect();
    rows.sort();
    assert!(
        rows.len() > 2 && rows.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "{user}"
    );
    rows.into_iter().map(|(_, item)| item).collect()
}

/// Scores of all items by the exported encoder, by libtorch alone.
fn scores(folder: &Path, user: &str) -> Vec<(String, f32)> {
    let config: Value =
        serde_json::from_slice(&std::fs::read(folder.join("config.json")).unwrap()).unwrap();
    let names = |key: &str| -> Vec<String> {
        serde_json::from_value(config[key].clone()).unwrap_or_default()
    };
    let items = names("items");
    let longest = config["longest_history"].as_u64().unwrap() as usize;
    let width = config["description"]["max_len"].as_i64().unwrap();
    let number = |item: &String| items.iter().position(|i| i == item).unwrap() as i64;
    let all: Vec<i64> = history(user).iter().map(number).collect();
    let shown = &all[all.len().saturating_sub(longest)..];
    let mut padded = shown.to_vec();
    padded.resize(width as usize, 0);
    let mut inputs = vec![
        IValue::Tensor(Tensor::from_slice(&padded).view([1, width])),
        IValue::Tensor(Tensor::from_slice(&[shown.len() as i64])),
    ];
    let tensors = Tensor::read_safetensors(folder.join("items.safetensors")).unwrap();
    let tensor = |name: &str| tensors.iter().find(|(n, _)| n == name).map(|(_, t)| t);
    if let Some(users) = tensor("users") {
        let row = names("users").iter().position(|u| u == user).unwrap() as i64;
        inputs.push(IValue::Tensor(users.narrow(0, row, 1)));
    }
    let encoder = CModule::load(folder.join("encoder.pt")).unwrap();
    let IValue::Tensor(vector) = encoder.forward_is(&inputs).unwrap() else {
        panic!("a tensor")
    };
    let scores = vector.mm(&tensor("items").unwrap().tr()).squeeze_dim(0);
    let scores = Vec::<f32>::try_from(scores.to_kind(Kind::Float)).unwrap();
    let mut best: Vec<(String, f32)> = items.into_iter().zip(scores).collect();
    best.retain(|(item, _)| !all.contains(&number_of(&config, item)));
    best.sort_by(|a, b| b.1.total_cmp(&a.1));
    best
}

fn number_of(config: &Value, item: &str) -> i64 {
    let items = config["items"].as_array().unwrap();
    items.iter().position(|i| i == item).unwrap() as i64
}

#[test]
fn the_exported_encoder_scores_as_the_model_does() {
    let trained = trained();
    assert_eq!(trained.models.len(), 5);
    for (backbone, model) in &trained.models {
        let folder = trained.serving(backbone, model, "1");
        for user in USERS {
            let ours = trained.recommended(model, user);
            let served = scores(&folder, user);
            for ((item, score), (theirs, their_score)) in ours.iter().zip(&served) {
                assert_eq!(item, theirs, "{backbone}, {user}");
                assert!(
                    (score - f64::from(*their_score)).abs() < 1e-4,
                    "{backbone}: {score} {their_score}"
                );
            }
        }
        let weights = Tensor::read_safetensors(folder.join("weights.safetensors")).unwrap();
        assert!(weights.iter().any(|(name, _)| name == "items.input"));
        assert!(
            weights
                .iter()
                .any(|(name, _)| name.starts_with("backbone.")),
            "{backbone}"
        );
        let loader = std::fs::read_to_string(folder.join("serve.py")).unwrap();
        assert!(loader.lines().count() < 50);
    }
}

fn run_python(python: &str, script: &str, arguments: &[&Path]) -> String {
    text(
        &Command::new(python)
            .args(["-c", script])
            .args(arguments)
            .output()
            .unwrap(),
    )
}

#[test]
fn the_loader_in_python_recommends_as_the_program_does() {
    let Some(python) = python(&["torch", "safetensors"]) else {
        return;
    };
    const SERVE: &str = r#"
import json, sys
sys.path.insert(0, sys.argv[1])
from serve import Recommender
model = Recommender(sys.argv[1])
asked = json.loads(open(sys.argv[2]).read())
alone = [model.recommend(history, k=5, user=user) for user, history in asked]
together = model.encode([h for _, h in asked], [u for u, _ in asked]) @ model.vectors.T
for (user, history), best, row in zip(asked, alone, together):
    for item, score in best:
        assert abs(row[model.number[item]].item() - score) < 1e-4
assert len(model.recommend([], k=3)) == 3
assert len(model.recommend(["nobody knows it"], k=3, user="nobody")) == 3
print(json.dumps(alone))
"#;
    let trained = trained();
    let asked: Vec<(&str, Vec<String>)> = USERS.iter().map(|&user| (user, history(user))).collect();
    let file = trained.place.path("asked.json");
    std::fs::write(&file, serde_json::to_vec(&asked).unwrap()).unwrap();
    for (number, (backbone, model)) in trained.models.iter().enumerate() {
        let batch = if number % 2 == 0 { "1" } else { "2" };
        let folder = trained.serving(backbone, model, batch);
        let printed = run_python(&python, SERVE, &[&folder, &file]);
        let served: Vec<Vec<(String, f64)>> = serde_json::from_str(&printed).unwrap();
        for (user, served) in USERS.iter().zip(served) {
            for (ours, theirs) in trained.recommended(model, user).iter().zip(served) {
                assert_eq!(ours.0, theirs.0, "{backbone}, {user}");
                assert!(
                    (ours.1 - theirs.1).abs() < 1e-4,
                    "{backbone}, {user}: {ours:?} {theirs:?}"
                );
            }
        }
    }
}

/// Exports the tables of the last model; the folder.
fn tables(format: &str) -> PathBuf {
    let trained = trained();
    let folder = trained.place.path(&format!("tables-{format}"));
    let model = &trained.models[0].1;
    let output = folder.to_str().unwrap();
    trained.ask(
        &["export", "tables"],
        &[
            "-o", output, "--format", format, "-k", "5", "--model", model,
        ],
    );
    folder
}

#[test]
fn tables_hold_what_the_program_says() {
    let folder = tables("csv");
    let read = |name: &str| std::fs::read_to_string(folder.join(format!("{name}.csv"))).unwrap();
    let recommended = read("recommendations");
    let of = |user: &str| -> Vec<(String, f64)> {
        let rows = recommended
            .lines()
            .filter(|row| row.starts_with(&format!("{user},")));
        let cells = rows.map(|row| row.split(',').collect::<Vec<_>>());
        cells
            .map(|c| (c[2].to_owned(), c[3].parse().unwrap()))
            .collect()
    };
    let model = &trained().models[0].1;
    for user in USERS {
        let ours = trained().recommended(model, user);
        assert_eq!(of(user).len(), 5);
        for (ours, theirs) in ours.iter().zip(of(user)) {
            assert_eq!(ours.0, theirs.0);
            assert!((ours.1 - theirs.1).abs() < 1e-5);
        }
    }
    assert_eq!(recommended.lines().next(), Some("user,rank,item,score"));
    assert_eq!(read("items").lines().count(), 41);
    assert_eq!(read("item_vectors").lines().count(), 41);
    assert!(read("item_scores").starts_with("item,"));
    assert_eq!(read("user_scores").lines().count(), 81);
}

#[test]
fn exported_vectors_come_in_again() {
    let trained = trained();
    let files = [
        ("parquet", String::new()),
        ("csv", String::new()),
        (
            "npy",
            format!(
                "{{ ids = {:?} }}",
                tables("npy").join("item_vectors.ids.txt")
            ),
        ),
        (
            "safetensors",
            format!(
                "{{ ids = {:?} }}",
                tables("safetensors").join("item_vectors.ids.txt")
            ),
        ),
    ];
    let mut script = "local split = lapidary.dataset('tests/fixtures/tiny.toml'):leave_one_out { max_len = 6 }\n".to_owned();
    for (format, settings) in files {
        let file = tables(format).join(format!("item_vectors.{format}"));
        let settings = if settings.is_empty() {
            "nil".to_owned()
        } else {
            settings
        };
        script += &format!(
            "local t = lapidary.precomputed({file:?}, {settings}):fit(split):table()\nprint(string.format('%.4f', t:abs():sum():item()))\n"
        );
    }
    let path = trained.place.path("again.lua");
    std::fs::write(&path, script).unwrap();
    let printed = text(&trained.place.run(path.to_str().unwrap(), &[]));
    let sums: Vec<&str> = printed.lines().collect();
    assert_eq!(sums.len(), 4);
    assert!(
        sums.iter().all(|sum| *sum == sums[0] && *sum != "0.0000"),
        "{sums:?}"
    );
}

#[test]
fn pandas_and_polars_read_each_table_with_one_call() {
    let Some(python) = python(&["pandas", "polars", "pyarrow", "numpy", "safetensors"]) else {
        return;
    };
    const READ: &str = r#"
import sys, numpy, pandas, polars
from safetensors.numpy import load_file
parquet, csv, npy, safe = sys.argv[1:]
for name in ["items", "item_vectors", "item_scores", "user_scores", "recommendations"]:
    ids = {"item": str, "user": str}
    frame = pandas.read_parquet(f"{parquet}/{name}.parquet")
    assert frame.equals(polars.read_parquet(f"{parquet}/{name}.parquet").to_pandas()), name
    text = pandas.read_csv(f"{csv}/{name}.csv", dtype=ids)
    assert list(text.columns) == list(frame.columns)
    for column in frame.columns:
        if frame[column].dtype.kind == "f":
            assert numpy.allclose(frame[column], text[column], atol=1e-6), column
        else:
            assert list(frame[column]) == list(text[column]), column
    if name in ("items", "recommendations"):
        continue
    numbers = frame.drop(columns=frame.columns[0]).to_numpy()
    assert numpy.array_equal(numpy.load(f"{npy}/{name}.npy"), numbers), name
    assert numpy.array_equal(load_file(f"{safe}/{name}.safetensors")["values"], numbers), name
    assert open(f"{npy}/{name}.ids.txt").read().split("\n")[:-1] == list(frame.iloc[:, 0])
    assert open(f"{npy}/{name}.columns.txt").read().split("\n")[:-1] == list(frame.columns[1:])
print("read")
"#;
    let folders = ["parquet", "csv", "npy", "safetensors"].map(tables);
    let folders: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    assert_eq!(run_python(&python, READ, &folders), "read\n");
}
