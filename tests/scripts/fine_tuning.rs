//! Scripts that fine-tune a language model.

use std::path::PathBuf;

use serde_json::Value;

use super::{PARTS, Place, SMALL, outcome, text};

/// A language model of random weights, which answers at once.
const TINY_MODEL: &str = "plugins/llm_local/tests/fixtures/tiny_llama";

#[test]
fn a_language_model_is_fine_tuned_and_its_adapter_is_a_folder() {
    let place = Place::new();
    let model = format!("model={TINY_MODEL}");
    let set = [
        SMALL[0],
        SMALL[1],
        &model,
        "history=1",
        "title_length=8",
        "users=12",
        "validation_cases=20",
        "negatives=8",
    ];
    let first = place.print("scripts/fine_tune.lua", &set);
    for expected in ["epoch 0: as it was", "epoch 2: loss", "fine-tuned"] {
        assert!(first.contains(expected), "no `{expected}` in:\n{first}");
    }
    let folder = first.lines().last().unwrap().rsplit(' ').next().unwrap();
    let folder = PathBuf::from(folder);
    let config = std::fs::read(folder.join("adapter_config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["base_model_name_or_path"], "tiny_llama");
    assert!(folder.join("adapter_model.safetensors").is_file());
    let metrics = std::fs::read_to_string(place.latest_run().join("metrics.jsonl")).unwrap();
    assert!(metrics.contains("format_loss"), "{metrics}");

    let second = place.print("scripts/fine_tune.lua", &set);
    assert_eq!(first, second);
    let run = std::fs::read(place.latest_run().join("run.json")).unwrap();
    let run: Value = serde_json::from_slice(&run).unwrap();
    let artefacts = run["artefacts"].as_object().unwrap();
    assert!(
        artefacts.values().all(|note| note["how"] == "loaded"),
        "{artefacts:?}"
    );

    let pairs = set.iter().flat_map(|&pair| ["--set", pair]);
    let more: Vec<&str> = ["--dry-run"].into_iter().chain(pairs).collect();
    text(&place.run("scripts/fine_tune.lua", &more));
    let run = std::fs::read(place.latest_run().join("run.json")).unwrap();
    let run: Value = serde_json::from_slice(&run).unwrap();
    let artefacts = run["artefacts"].as_object().unwrap();
    assert!(
        artefacts.values().all(|note| note["how"] == "kept"),
        "a dry run knows the names of all: {artefacts:?}"
    );
}

/// What the scripts below begin with.
const TUNING: &str = r#"
    local model = "plugins/llm_local/tests/fixtures/tiny_llama"
    local llm = lapidary.llm("local", { model = model })
    local asks = { attributes = "configs/attributes/movies.toml", history = 1, title_length = 8 }
    local prompt = lapidary.prompt("score_phrases", asks)
    local guided = prompt:score(llm, split, { users = "asked" })
    local settings = { users = 6, epochs = 1, phrases = 1, validation_cases = 10, negatives = 4, learning_rate = 0.02 }
"#;

#[test]
fn a_tuned_model_answers_otherwise_and_its_folder_makes_the_same_model() {
    let place = Place::new();
    let script = format!(
        r#"{TUNING}
        settings.attributes = {{ "humor", "scares" }}
        settings.targets = {{ "q_proj", "down_proj" }}
        local tuned = prompt:fine_tune(llm, split, guided, settings)
        local epochs = tuned:history().epochs
        assert(#epochs == 2 and epochs[2].loss > 0 and not epochs[1].loss)
        local users = prompt:score(tuned.llm, split, {{ users = "asked", items = guided }})
        local function apart(a, b) return ((a - b) ^ 2):sum():item() end
        assert(apart(users:items(), guided:items()) == 0, "the items stay")
        assert(apart(users:users(), guided:users()) > 0, "the users do not")
        local opened = lapidary.llm("local", {{ model = model, adapter = tuned.folder }})
        local same = prompt:score(opened, split, {{ users = "asked", items = guided }})
        assert(apart(users:users(), same:users()) == 0)
        assert(same:figures().users.asked == 0, "the same model, the same answers")
        assert(opened:info().fingerprint ~= llm:info().fingerprint)
        "#
    );
    assert_eq!(outcome(&place, &script), None);
}

#[test]
fn what_cannot_be_fine_tuned_is_refused() {
    let place = Place::new();
    place.refuses(&format!("{PARTS}{TUNING}"), &[
        (
            "prompt:fine_tune(llm, split, guided, { rang = 4 })",
            "did you mean `rank`",
        ),
        (
            "prompt:fine_tune(llm, split, guided, { rank = 0 })",
            "`rank`: must be at least 1",
        ),
        (
            "settings.targets = { 'q_porj' } prompt:fine_tune(llm, split, guided, settings)",
            "did you mean `q_proj`",
        ),
        (
            "settings.attributes = { 'humour' } prompt:fine_tune(llm, split, guided, settings)",
            "did you mean `humor`",
        ),
        (
            "local other = data:leave_one_out { max_len = 9 } prompt:fine_tune(llm, other, guided, settings)",
            "make both from one split",
        ),
        (
            "local json = lapidary.prompt('score_json', { attributes = asks.attributes }) json:fine_tune(llm, split, guided, settings)",
            "no scores through which gradients flow",
        ),
        (
            "local server = lapidary.llm('openai', { model = 'x' }) prompt:fine_tune(server, split, guided, settings)",
            "cannot be trained",
        ),
        (
            "prompt:score(llm, split, { items = split })",
            "expected guided scores",
        ),
        (
            "lapidary.llm('local', { model = model, adapter = 'scripts' }):info()",
            "adapter_config.json: there is no such file",
        ),
    ]);
}
