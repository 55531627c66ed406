//! The scripts of the paper's experiments run from beginning to end on a small data set, and scores can be brought.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod place;

use place::{Place, text, workspace};

const CONFIG: &str = r#"
data = "tests/fixtures/tiny.toml"
attributes = "configs/attributes/movies.toml"
max_len = 10
dim = 16
llm_dtype = "f32"

[sasrec]
reducer = "pca"
[sasrec.backbone]
layers = 1
heads = 1
[sasrec.base_training]
epochs = 2
[sasrec.training]
epochs = 2
[sasrec.refine]
alpha = 0.5
"#;

/// The setting that names the experiment's configuration, which is written first.
fn config(place: &Place) -> String {
    let config = place.path("tiny-experiment.toml");
    std::fs::write(&config, CONFIG).unwrap();
    format!("config={}", config.display())
}

/// Runs a script of the paper on the small data set; what it printed.
fn paper(place: &Place, script: &str) -> String {
    let config = config(place);
    place.print(&format!("scripts/paper/{script}"), &[&config, "seeds=2"])
}

fn figures(place: &Place, table: &str) -> Vec<serde_json::Value> {
    let path = place.latest_run().join(format!("tables/{table}.json"));
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn base_is_held_against_refined_and_controls() {
    let place = Place::new();
    let printed = paper(&place, "base_vs_refined.lua");
    for way in [
        "base",
        "trained on",
        "refined",
        "shuffled scores",
        "random scores",
    ] {
        assert!(printed.contains(way), "no {way}: {printed}");
    }
    let figures = figures(&place, "base_vs_refined");
    let refined = figures
        .iter()
        .find(|f| f["way"] == "refined" && f["metric"] == "ndcg@10" && f["seen"] == "removed")
        .unwrap();
    let base = figures
        .iter()
        .find(|f| f["way"] == "base" && f["metric"] == "ndcg@10" && f["seen"] == "removed")
        .unwrap();
    let gain = refined["mean"].as_f64().unwrap() / base["mean"].as_f64().unwrap() - 1.0;
    assert!((gain - refined["gain"].as_f64().unwrap()).abs() < 1e-6);
    assert!(base["gain"].is_null() && refined["sd"].as_f64().is_some());
}

#[test]
fn every_ablation_runs() {
    let place = Place::new();
    let printed = paper(&place, "ablations.lua");
    for way in [
        "guided only",
        "reduced only",
        "normalise = l2",
        "random_projection",
        "6 attributes",
        "refined of width 128",
    ] {
        assert!(printed.contains(way), "no {way}: {printed}");
    }
}

#[test]
fn base_and_refined_are_searched_alike() {
    let place = Place::new();
    let config = config(&place);
    let settings = [&*config, "trials=3", "epochs=3", "min_epochs=1"];
    let printed = place.print("scripts/paper/tune.lua", &settings);
    assert!(printed.contains("best of validation: base 0."), "{printed}");
    let run = place.latest_run();
    for (table, setting) in [("base", "dropout"), ("refined", "alpha")] {
        let written = std::fs::read_to_string(run.join(format!("tables/{table}.md"))).unwrap();
        assert!(written.contains(setting), "{written}");
        assert!(written.contains("learning_rate"), "{written}");
    }
}

#[test]
fn users_are_asked_before_and_after_fine_tuning() {
    let place = Place::new();
    let config = config(&place);
    let settings = [
        &*config,
        "model=plugins/llm_local/tests/fixtures/tiny_llama",
        "seeds=1",
        "history=1",
        "title_length=8",
        "users=12",
        "epochs=1",
        "validation_cases=20",
        "negatives=8",
    ];
    let printed = place.print("scripts/paper/fine_tuning.lua", &settings);
    assert!(printed.contains("epoch 1: loss"), "{printed}");
    let figures = figures(&place, "fine_tuning");
    let of = |way: &str| {
        let found = figures
            .iter()
            .find(|f| f["way"] == way && f["metric"] == "mrr@10");
        found.unwrap_or_else(|| panic!("no {way}"))["mean"]
            .as_f64()
            .unwrap()
    };
    for way in [
        "base",
        "mean of the history",
        "asked, zero-shot",
        "asked, fine-tuned",
    ] {
        assert!(of(way) > 0.0, "{way}");
    }
}

#[test]
fn bases_are_held_against_popularity() {
    let place = Place::new();
    let config = CONFIG
        .replace("dim = 16", "")
        .replace("heads = 1", "heads = 1\ndim = 16");
    let path = place.path("published.toml");
    std::fs::write(&path, config).unwrap();
    let config = format!("config={}", path.display());
    let printed = place.print("scripts/paper/published.lua", &[&config]);
    assert!(
        printed.contains("popularity") && printed.contains("ndcg@10"),
        "{printed}"
    );
}

#[test]
fn reasons_are_put_to_the_test() {
    let place = Place::new();
    let config = config(&place);
    let printed = place.print("scripts/paper/reasons.lua", &[&config, "least=5"]);
    for expected in [
        "area under the curve",
        "steered by humor",
        "without random ones",
    ] {
        assert!(printed.contains(expected), "no {expected}: {printed}");
    }
}

#[test]
fn no_experiment_is_left_out() {
    let folder = workspace().join("scripts/paper");
    let mut scripts: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".lua"))
        .collect();
    scripts.sort();
    assert_eq!(
        scripts,
        [
            "ablations.lua",
            "base_vs_refined.lua",
            "fine_tuning.lua",
            "published.lua",
            "reasons.lua",
            "tune.lua"
        ],
        "add a new script to the tests above"
    );
}

const PARTS: &str = r#"
    local data = lapidary.dataset("tests/fixtures/tiny.toml")
    local split = data:leave_one_out { max_len = 10 }
"#;

/// Runs a script over the small data set; the error's text, or nothing.
fn outcome(place: &Place, script: &str) -> Option<String> {
    place.outcome(&format!("{PARTS}{script}"))
}

#[test]
fn scores_of_ones_own_guide() {
    let place = Place::new();
    let failed = outcome(
        &place,
        r#"
        local names, members = data:categories { least = 5 }
        assert(#names > 1 and members.shape[1] == split.items and members.shape[2] == #names)
        local sums = members:sum(1):totable()
        for n = 2, #names do assert(sums[n - 1] >= sums[n] and sums[n] >= 5, "the most common first") end
        local guided = lapidary.guided(split, { attributes = names, items = members })
        assert(#guided.attributes == #names and (guided:items() - members):norm():item() == 0)
        local again = lapidary.guided(split, { attributes = names, items = members })
        assert(again.fingerprint == guided.fingerprint)
        local shuffled = members:shuffled(1)
        assert((shuffled:sum(1) - members:sum(1)):norm():item() == 0 and (shuffled - members):norm():item() > 0)
        assert((members:shuffled(1) - shuffled):norm():item() == 0, "a seed fixes the order")
        local other = lapidary.guided(split, { attributes = names, items = shuffled })
        assert(other.fingerprint ~= guided.fingerprint)
        local drawn = lapidary.normal(3, 200, 5)
        assert((lapidary.normal(3, 200, 5) - drawn):norm():item() == 0)
        assert(math.abs(drawn:mean():item()) < 0.15 and math.abs((drawn * drawn):mean():item() - 1) < 0.2)
        local users = guided:users()
        assert(users.shape[1] == split.users and users.shape[2] == #names)
        "#,
    );
    assert_eq!(failed, None);
    place.refuses(PARTS, &[
        (
            "lapidary.guided(split, { attributes = { 'a' }, items = lapidary.zeros(3, 1) })",
            "`items`: expected [V,m] = [40, 1]",
        ),
        (
            "lapidary.guided(split, { attributes = { 'a', 'a' }, items = lapidary.zeros(40, 2) })",
            "`a` stands twice",
        ),
        (
            "lapidary.guided(split, { attribute = { 'a' }, items = lapidary.zeros(40, 1) })",
            "did you mean `attributes`",
        ),
        (
            "lapidary.guided(split, { attributes = { 'a' } })",
            "items: is missing",
        ),
        (
            "lapidary.guided(split, { attributes = { 'a' }, items = lapidary.zeros(40, 1):log() })",
            "no number",
        ),
        ("data:categories { lest = 3 }", "did you mean `least`"),
    ]);
}

#[test]
fn a_configuration_refuses_what_it_does_not_have() {
    let place = Place::new();
    std::fs::write(place.path("good.toml"), CONFIG).unwrap();
    std::fs::write(place.path("bad.toml"), "dim = 16\nalpha 1\n").unwrap();
    let failed = outcome(
        &place,
        r#"
        local config = lapidary.config("good.toml")
        assert(config.dim == 16 and config.sasrec.refine.alpha == 0.5 and config.sasrec.backbone.layers == 1)
        assert(lapidary.base_embedder("sasrec", config.sasrec.backbone))
        "#,
    );
    assert_eq!(failed, None);
    place.refuses(
        &format!("{PARTS}local x = "),
        &[
            (
                "lapidary.config('good.toml').sasrec.trainig",
                "did you mean `training`",
            ),
            ("lapidary.config('bad.toml')", "bad.toml:2"),
            ("lapidary.config('none.toml')", "not found"),
        ],
    );
}

#[test]
fn the_gathered_results_are_one_row_a_figure() {
    let place = Place::new();
    let _ = paper(&place, "base_vs_refined.lua");
    let folder = place.path("paper/scripts");
    std::fs::create_dir_all(folder.join("paper")).unwrap();
    let script = folder.join("paper/results.py");
    std::fs::copy(workspace().join("scripts/paper/results.py"), &script).unwrap();
    let page = place.path("paper/RESULTS.md");
    std::fs::write(
        &page,
        "Before.\n<!-- tables -->\nold\n<!-- end of tables -->\nAfter.\n",
    )
    .unwrap();
    for _ in 0..2 {
        let gather = std::process::Command::new("python3")
            .arg(&script)
            .arg(place.latest_run())
            .output();
        text(&gather.unwrap());
    }
    let results = std::fs::read(folder.join("paper/results.json")).unwrap();
    let results: serde_json::Value = serde_json::from_slice(&results).unwrap();
    let rows = results["rows"].as_array().unwrap();
    let of = |experiment: &str| {
        rows.iter()
            .filter(|r| r["experiment"] == experiment)
            .count()
    };
    assert_eq!(
        of("base_vs_refined"),
        3,
        "a row a metric, also when gathered twice"
    );
    assert!(of("controls") >= 9);
    assert_eq!(of("refined_vs_trained_on"), 3);
    assert_eq!(rows[0]["backbone"], "sasrec");
    assert_eq!(rows[0]["guided"].as_str().unwrap().len(), 64);
    assert!(
        rows[0]["command"]
            .as_str()
            .unwrap()
            .starts_with("lapidary run scripts/paper/base_vs_refined.lua")
    );
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.starts_with("Before.\n") && page.ends_with("After.\n") && !page.contains("old"));
    for row in [
        "| refined |",
        "| trained on |",
        "| refined against trained on | |",
    ] {
        assert!(page.contains(row), "no {row}: {page}");
    }
}
