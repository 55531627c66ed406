//! Searches that train.

use serde_json::Value;

use super::*;

fn run_json(place: &Place) -> Value {
    let text = std::fs::read(place.latest_run().join("run.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn the_script_of_searches_runs_and_runs_again_from_its_artefacts() {
    let place = Place::new();
    let set = [SMALL[0], "trials=4", "epochs=3", "max_len=10"];
    let first = place.print("scripts/search.lua", &set);
    for expected in ["learning_rate", "best", "test cases"] {
        assert!(first.contains(expected), "no `{expected}` in:\n{first}");
    }
    let rungs = run_json(&place)["searches"]["search"]["rungs"].clone();
    assert_eq!(rungs[0], serde_json::json!({"trials": 4, "epochs": 1}));
    assert_eq!(rungs[1], serde_json::json!({"trials": 1, "epochs": 3}));
    assert!(place.latest_run().join("tables/search.md").exists());
    assert_eq!(first, place.print("scripts/search.lua", &set));
    let artefacts = run_json(&place)["artefacts"].clone();
    assert_eq!(artefacts.as_object().unwrap().len(), 6);
    for (key, note) in artefacts.as_object().unwrap() {
        assert_eq!(note["how"], "loaded", "{key}");
    }
}

/// Trains for so many epochs, in a search or at once, and writes the validation curve.
fn curve(place: &Place, searched: bool) -> Vec<f64> {
    let script = format!(
        r#"
        local run = function(s, epochs)
          return lapidary.base_embedder("sasrec", {{ dim = 8, heads = 1, layers = 1 }})
            :fit(split, {{ epochs = epochs, seed = 3, learning_rate = s.rate }})
        end
        local model
        if {searched} then
          local space = {{ rate = {{ 0.01, 1e-9, 1e-8, 1e-7 }} }}
          local found = lapidary.search {{ space = space, trials = 4, eta = 2, epochs = 4, run = run }}
          assert(found.best.rate == 0.01, tostring(found))
          model = found.model
        else
          model = run({{ rate = 0.01 }}, 4)
        end
        local curve = {{}}
        for n, epoch in ipairs(model.model:history().epochs) do curve[n] = string.format("%.17g", epoch.loss) end
        lapidary.write("curve.txt", table.concat(curve, " "))
        "#
    );
    assert_eq!(outcome(place, &script), None);
    let text = std::fs::read_to_string(place.latest_run().join("curve.txt")).unwrap();
    text.split(' ').map(|n| n.parse().unwrap()).collect()
}

#[test]
fn a_trial_that_goes_on_ends_like_one_that_never_stopped() {
    let place = Place::new();
    let searched = curve(&place, true);
    assert_eq!(searched.len(), 4);
    let kept = std::fs::read_dir(place.path("store/training")).unwrap();
    assert_eq!(kept.count(), 4, "one folder a trial");
    assert_eq!(searched, curve(&Place::new(), false));
}

#[test]
fn a_trial_that_diverges_is_told_and_the_others_go_on() {
    let place = Place::new();
    let failed = outcome(
        &place,
        r#"
        local found = lapidary.search {
          space = { rate = { 1e30, 0.01 } }, trials = 2, method = "random", epochs = 2, metric = "recall@10",
          run = function(s, epochs)
            return lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
              :fit(split, { epochs = epochs, learning_rate = s.rate })
          end,
        }
        assert(found.best.rate == 0.01 and found.value > 0)
        local worst = found.trials[1].failed and found.trials[1] or found.trials[2]
        assert(worst.failed:find("not finite in epoch"), worst.failed)
        local wrong = { space = { x = { 1 } }, metric = "map@7", run = function() return base end }
        local _, message = pcall(lapidary.search, wrong)
        assert(tostring(message):find("`map@7` is not computed on validation, only `ndcg@10`"), tostring(message))
        "#,
    );
    assert_eq!(failed, None);
}
