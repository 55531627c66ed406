//! Every script in `scripts/` runs from beginning to end, on a small data set, with real plugins and the real model.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "scripts/cold.rs"]
mod cold;
#[path = "scripts/components.rs"]
mod components;
#[path = "scripts/dry_run.rs"]
mod dry_run;
#[path = "scripts/fine_tuning.rs"]
mod fine_tuning;
#[path = "scripts/prompts.rs"]
mod prompts;
#[path = "scripts/reasons.rs"]
mod reasons;
#[path = "scripts/search.rs"]
mod search;
#[path = "../plugins/llm_openai/tests/common/mod.rs"]
mod server;
#[path = "scripts/servers.rs"]
mod servers;
#[path = "scripts/sweep.rs"]
mod sweep;
#[path = "scripts/trec.rs"]
mod trec;

mod place;

use place::{Place, SMALL, text, workspace};

/// What a run printed, without the lines that name its folder.
fn steady(printed: &str) -> Vec<&str> {
    printed
        .lines()
        .filter(|l| !l.contains("Everything of this run"))
        .collect()
}

#[test]
fn the_quickstart_runs_and_runs_again_from_its_artefacts() {
    let place = Place::new();
    let set = [SMALL[0], SMALL[1], "seeds=2"];
    let first = place.print("scripts/quickstart.lua", &set);
    for expected in [
        "ndcg@10",
        "refined",
        "popularity",
        "tied test items",
        "because",
        "what the other columns add",
    ] {
        assert!(first.contains(expected), "no `{expected}` in:\n{first}");
    }
    let folder = place.latest_run();
    for file in [
        "run.json",
        "metrics.jsonl",
        "rankings/refined.run",
        "rankings/refined.qrels",
        "tables/comparison.md",
    ] {
        assert!(folder.join(file).exists(), "no {file}");
    }
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.join("run.json")).unwrap()).unwrap();
    assert_eq!(run["outcome"], "done");

    assert_eq!(
        run["plugins"]["lapidary-sasrec"]["sha256"]
            .as_str()
            .map(str::len),
        Some(64)
    );

    let splits = run["splits"].as_object().unwrap();
    let (_, split) = splits.iter().next().unwrap();
    assert_eq!(split["settings"]["max_len"], 50);

    let second = place.print("scripts/quickstart.lua", &set);
    assert_eq!(steady(&first), steady(&second));
    let run: serde_json::Value =
        serde_json::from_slice(&std::fs::read(place.latest_run().join("run.json")).unwrap())
            .unwrap();
    let artefacts = run["artefacts"].as_object().unwrap();
    assert!(
        artefacts.values().all(|note| note["how"] == "loaded"),
        "{artefacts:?}"
    );
}

#[test]
fn the_other_scripts_run() {
    let place = Place::new();
    let compared = place.print(
        "scripts/compare.lua",
        &[SMALL[0], SMALL[1], "heads=1", "layers=1", "dim=16"],
    );
    assert!(compared.contains("ndcg@10"), "{compared}");
    for base in ["ppmi_svd", "bpr_mf", "item2vec", "lightgcn"] {
        let base = format!("base={base}");
        let set = [SMALL[0], SMALL[1], "dim=8", &base];
        let reduced = place.print("scripts/reducers.lua", &set);
        for reducer in [
            "whitening",
            "truncated_svd",
            "autoencoder",
            "random_projection",
        ] {
            assert!(reduced.contains(reducer), "{base}: {reduced}");
        }
    }
}

#[test]
fn no_script_is_left_out() {
    let mut scripts: Vec<_> = std::fs::read_dir(workspace().join("scripts"))
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".lua"))
        .collect();
    scripts.sort();
    assert_eq!(
        scripts,
        [
            "attributes.lua",
            "base.lua",
            "cold_start.lua",
            "compare.lua",
            "fine_tune.lua",
            "own_components.lua",
            "quickstart.lua",
            "reducers.lua",
            "search.lua",
            "server.lua",
            "sweep.lua"
        ],
        "add a new script to the tests above"
    );
}

const PARTS: &str = r#"
    local data = lapidary.dataset("tests/fixtures/tiny.toml")
    local split = data:leave_one_out { max_len = 10 }
    local training = { epochs = 2 / 1, seed = 4 / 2 }
    local embedder = lapidary.base_embedder("sasrec", { dim = 16 / 2, heads = 1, layers = 1 })
    local base = embedder:fit(split, training)
    local user = split.test:user(1)
"#;

/// Runs a script over the small data set; the error's text, or nothing.
fn outcome(place: &Place, script: &str) -> Option<String> {
    place.outcome(&format!("{PARTS}{script}"))
}

#[test]
fn tables_of_options_can_be_used_again() {
    let place = Place::new();
    let failed = outcome(
        &place,
        r#"
        local before = { k = 3, before = split.test }
        local first, second = base.model:recommend(user, before), base.model:recommend(user, before)
        assert(#first == 3 and before.before, "the table is as it was")
        for n = 1, 3 do assert(first[n].item == second[n].item) end
        local options = { base = base, reducer = lapidary.reducer("pca"), dim = 4, users = "hidden" }
        assert(lapidary.refine(options).fingerprint == lapidary.refine(options).fingerprint)
        local evaluation = base:evaluate(split.test)
        local ways = { { "a", { evaluation } }, { "b", { evaluation } } }
        lapidary.compare(ways)
        assert(lapidary.compare(ways):gain("b", "ndcg@10") == 0)
        "#,
    );
    assert_eq!(failed, None);
}

#[test]
fn every_backbone_is_a_base_is_refined_trained_and_explained() {
    let place = Place::new();
    let failed = outcome(
        &place,
        r#"
        for _, name in ipairs { "gru4rec", "bert4rec", "esasrec" } do
          local base = lapidary.base_embedder(name, { dim = 8 }):fit(split, training)
          assert(base:evaluate(split.test):value("ndcg@10") > 0)
          local refined = lapidary.refine { base = base, reducer = lapidary.reducer("pca"), dim = 4, users = "hidden" }
          local model = lapidary.backbone(name):fit(split, refined, training)
          assert(model:evaluate(split.test):value("ndcg@10") > 0)
          local best = model:recommend(user, { k = 1, before = split.test })[1]
          local why = model:explain(user, best.item, { before = split.test })
          assert(math.abs(why.score - best.score) < 1e-4, "the parts are the score")
        end
        "#,
    );
    assert_eq!(failed, None);
}

#[test]
fn vectors_of_ones_own_are_a_base() {
    let place = Place::new();
    let items =
        std::fs::read_to_string(workspace().join("tests/fixtures/tiny/items.jsonl")).unwrap();
    let row = |(at, line): (usize, &str)| {
        let item: serde_json::Value = serde_json::from_str(line).unwrap();
        let numbers = (0..6).map(|column| format!(",{}", (at * (column + 2)) % 7));
        format!(
            "{}{}\n",
            item["item_id"].as_str().unwrap(),
            numbers.collect::<String>()
        )
    };
    let all: String = items.lines().enumerate().map(row).collect();
    std::fs::write(place.path("all.csv"), format!("item,a,b,c,d,e,f\n{all}")).unwrap();
    let some: String = all
        .lines()
        .skip(2)
        .map(|line| format!("{line}\n"))
        .collect();
    std::fs::write(place.path("some.csv"), format!("item,a,b,c,d,e,f\n{some}")).unwrap();
    let failed = outcome(
        &place,
        r#"
        local base = lapidary.precomputed("all.csv"):fit(split)
        assert(base.dim == 6 and base:table().shape[1] == split.items and not base:users())
        local refined = lapidary.refine { base = base, reducer = lapidary.reducer("pca"), dim = 4, users = "hidden" }
        local model = lapidary.backbone("sasrec", { heads = 1, layers = 1 }):fit(split, refined, training)
        assert(model:evaluate(split.test):value("ndcg@10") > 0)
        local mean = lapidary.precomputed("some.csv", { missing = "mean", id_column = "item" }):fit(split)
        assert(mean.dim == 6 and mean.fingerprint ~= base.fingerprint)
        "#,
    );
    assert_eq!(failed, None);
    place.refuses(
        PARTS,
        &[
            (
                "lapidary.precomputed('some.csv'):fit(split)",
                "some.csv: lacks 2 of the 40 items of `tiny`",
            ),
            (
                "lapidary.precomputed('all.csv', { mising = 'zero' })",
                "did you mean `missing`",
            ),
            (
                "lapidary.precomputed('all.csv', { missing = 'zeros' })",
                "`zero`",
            ),
            (
                "lapidary.precomputed('none.npy', { ids = 'all.csv' })",
                "not found",
            ),
        ],
    );
}

#[test]
fn what_a_language_model_reads_of_the_items_is_a_base_embedding() {
    let place = Place::new();
    let failed = outcome(
        &place,
        r#"
        local tiny = lapidary.llm("local", { model = "plugins/llm_local/tests/fixtures/tiny_gemma3" })
        local base = lapidary.text_embedder(tiny, { pooling = "mean", layer = 3 }):fit(split)
        assert(base.dim == 32 and base:table().shape[1] == split.items and not base:users())
        local other = lapidary.text_embedder(tiny, { parts = { "title" } }):fit(split)
        assert(other.fingerprint ~= base.fingerprint)
        local refined = lapidary.refine { base = base, reducer = lapidary.reducer("pca"), dim = 4, users = "hidden" }
        local model = lapidary.backbone("sasrec", { heads = 1, layers = 1 }):fit(split, refined, training)
        assert(model:evaluate(split.test):value("ndcg@10") > 0)
        "#,
    );
    assert_eq!(failed, None);
    let tiny = "lapidary.llm('local', { model = 'plugins/llm_local/tests/fixtures/tiny_llama' })";
    for (script, expected) in [
        (
            "lapidary.text_embedder('local')".to_owned(),
            "expected a language model",
        ),
        (
            format!("lapidary.text_embedder({tiny}, {{ poling = 'mean' }})"),
            "did you mean `pooling`",
        ),
        (
            format!("lapidary.text_embedder({tiny}, {{ layer = 3 }}):fit(split)"),
            "has 2 layers",
        ),
        (
            "lapidary.text_embedder(lapidary.llm('openai', { model = 'm' })):fit(split)".to_owned(),
            "those that do: `local`",
        ),
    ] {
        let errors = outcome(&place, &script).unwrap_or_else(|| panic!("{script} passed"));
        assert!(errors.contains(expected), "{script}: {errors}");
    }
}

#[test]
fn a_cosine_with_a_learned_temperature_trains_and_explains_itself() {
    let place = Place::new();
    let failed = outcome(
        &place,
        r#"
        local refined = lapidary.refine {
          base = base, users = "hidden", score = "cosine", temperature = 0.1, temperature_trainable = true,
        }
        local model = lapidary.backbone("sasrec", { heads = 1, layers = 1 }):fit(split, refined, training)
        local best = model:recommend(user, { k = 1, before = split.test })[1]
        local why = model:explain(user, best.item, { before = split.test })
        assert(math.abs(why.score - best.score) < 1e-4, "the parts are the score")
        "#,
    );
    assert_eq!(failed, None);
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let place = Place::new();
    for (script, expected) in [
        (
            "local other = data:leave_one_out { max_len = 9 }\nbase:evaluate(other.test)",
            "make both from one split",
        ),
        (
            "lapidary.compare { { 'a', { base:evaluate(split.test) } }, { 'b', { base:evaluate(split.valid) } } }",
            "compare like with like",
        ),
        (
            "base:evaluate(split.test, { 'mrr@10', lists = 5 })",
            "a list and names (`lists`) in one table",
        ),
        (
            "lapidary.compare({ { 'a', { base:evaluate(split.test) } } }):mean('a', 'ndgc@10')",
            "did you mean `ndcg@10`",
        ),
        (
            "embedder:fit(split, { seed = 'three' })",
            "`seed`: expected a whole number of at least 0, found the text \"three\"",
        ),
        (
            "embedder:fit(split, { epoch = 2, batch_size = 'big' })",
            "unknown key `epoch`; did you mean `epochs`?",
        ),
        (
            "data:leave_one_out { maxlen = 5 }",
            "did you mean `max_len`",
        ),
        (
            "base:evalaute(split.test)",
            "unknown member `evalaute` of a base embedding; did you mean `evaluate`?",
        ),
        (
            "base:evaluate(split)",
            "expected cases of a split, as from `split.test or split.valid`; found a split",
        ),
        ("base.model:explain(user, 'no such film')", "no such film"),
    ] {
        let errors = outcome(&place, script).unwrap_or_else(|| panic!("{script} passed"));
        assert!(errors.contains(expected), "{script}: {errors}");
        assert!(errors.contains("parts.lua:"), "{script}: {errors}");
    }
}
