//! Searches whose trials are functions of Lua.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use lapidary_core::plugin::Registry;
use lapidary_script::{Error, Options, run_file};

/// Runs a script; its run folder, and how it ended.
fn run(place: &tempfile::TempDir, script: &str, dry_run: bool) -> (PathBuf, Result<(), Error>) {
    let folder = place.path();
    let path = folder.join("search.lua");
    std::fs::write(&path, script).unwrap();
    let options = Options {
        device: tch::Device::Cpu,
        seed: Some(7),
        dry_run,
        set: Vec::new(),
        store: folder.join("store"),
        runs: folder.join("runs"),
        registry: Registry::empty(),
        model_dirs: Vec::new(),
        command: vec!["test".to_owned()],
        reads: None,
        child: Vec::new(),
        told: None,
    };
    let result = run_file(&path, options);
    let mut runs: Vec<_> = std::fs::read_dir(folder.join("runs"))
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    runs.sort();
    (runs.pop().unwrap(), result)
}

fn passes(script: &str) -> PathBuf {
    let place = tempfile::tempdir().unwrap();
    let (folder, result) = run(&place, script, false);
    result.unwrap_or_else(|e| panic!("{e}"));
    let _ = place.keep();
    folder
}

fn fails(script: &str) -> String {
    let place = tempfile::tempdir().unwrap();
    let (_, result) = run(&place, script, false);
    result.expect_err("the script should fail").to_string()
}

#[test]
fn halving_gives_more_epochs_to_fewer_and_finds_the_best() {
    let folder = passes(
        r#"
        local calls = {}
        local given = {
          space = { x = lapidary.uniform(-1, 1), sort = { "a", "b" }, fixed = 3 }, trials = 9, epochs = 9, seed = 5,
          run = function(s, epochs)
            assert(s.fixed == 3 and (s.sort == "a" or s.sort == "b") and math.type(epochs) == "integer")
            calls[#calls + 1] = epochs
            return 1 - s.x * s.x + epochs / 1000
          end,
        }
        local found = lapidary.search(given)
        assert(table.concat(calls, " ") == "1 1 1 1 1 1 1 1 1 3 3 3 9", table.concat(calls, " "))
        local smallest = 2
        for _, t in ipairs(found.trials) do
          smallest = math.min(smallest, math.abs(t.settings.x))
          assert(not t.failed and (t.epochs == 1 or t.epochs == 3 or t.epochs == 9))
        end
        assert(math.abs(found.best.x) == smallest)
        assert(found.value == found.model and found.value == 1 - smallest * smallest + 9 / 1000)
        assert(tostring(found):find("best") and tostring(found):find("ndcg@10"))
        local again = lapidary.search(given)
        assert(again.best.x == found.best.x, "the seed decides")
        given.seed = 6
        assert(lapidary.search(given).best.x ~= found.best.x, "another seed draws others")
        "#,
    );
    let table = std::fs::read_to_string(folder.join("tables/search.csv")).unwrap();
    assert!(
        table.starts_with("trial,fixed,sort,x,epochs,ndcg@10,note\n"),
        "{table}"
    );
    assert_eq!(table.lines().count(), 10);
    assert!(table.lines().nth(1).unwrap().ends_with(",best"), "{table}");
    let run = std::fs::read_to_string(folder.join("run.json")).unwrap();
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    assert_eq!(run["searches"]["search"]["rungs"][1]["trials"], 3);
}

#[test]
fn random_search_gives_all_epochs_to_all_and_a_small_space_is_used_up() {
    passes(
        r#"
        local found = lapidary.search {
          space = { x = { 1, 2, 3 } }, trials = 20, method = "random", epochs = 4, metric = "mrr", name = "mine",
          run = function(s, epochs) assert(epochs == 4) return s.x end,
        }
        assert(#found.trials == 3 and found.best.x == 3 and found.value == 3)
        "#,
    );
}

#[test]
fn a_trial_that_fails_stands_in_the_table() {
    let folder = passes(
        r#"
        local found = lapidary.search {
          space = { x = { 1, 2, 3, 4 } }, trials = 4, eta = 2, epochs = 4,
          run = function(s, epochs)
            if s.x == 1 then return 0 / 0 end
            if s.x == 2 then lapidary.zeros(-1) end
            if s.x == 4 and epochs > 1 then return 1 / 0 end
            return s.x
          end,
        }
        assert(found.best.x == 3 and found.value == 3, tostring(found))
        local failed = {}
        for _, t in ipairs(found.trials) do failed[t.settings.x] = t.failed or "" end
        assert(failed[1]:find("returned") and failed[2] ~= "" and failed[3] == "", failed[2])
        assert(failed[4]:find("returned inf"), failed[4])
        "#,
    );
    let table = std::fs::read_to_string(folder.join("tables/search.md")).unwrap();
    assert_eq!(table.matches("| failed: ").count(), 3, "{table}");
    let all =
        fails("lapidary.search { space = { x = { 1, 2 } }, run = function() return 0 / 0 end }");
    assert!(all.contains("all 2 trials failed"), "{all}");
}

#[test]
fn mistakes_of_the_script_stop_it() {
    for (given, expected) in [
        ("space = { x = { 1 } }", "`run` is missing"),
        ("run = print", "search.space: must name settings"),
        (
            "run = print, space = { x = { 1 } }",
            "`run` must return a trained model, a base with one, or a number; it returned nothing",
        ),
        (
            "run = print, space = { x = { 1 } }, trails = 3",
            "unknown key `trails`; did you mean `trials`",
        ),
        (
            "run = print, space = { x = { 1 } }, method = 'halvign'",
            "did you mean `halving`",
        ),
        (
            "run = function(s) return s.x.y.z end, space = { x = { 1 } }",
            "attempt to index",
        ),
        (
            "run = function() return lapidary.modle end, space = { x = { 1 } }",
            "unknown name `modle`",
        ),
        (
            "run = print, space = { x = lapidary.log_uniform(0, 1) }",
            "must begin above 0",
        ),
        (
            "run = print, space = { x = lapidary.uniform(2, 1) }",
            "2 is not below 1",
        ),
        (
            "run = print, space = { x = { 1 } }, epochs = 0",
            "search: `epochs`: must be at least 1",
        ),
    ] {
        let message = fails(&format!("lapidary.search {{ {given} }}"));
        assert!(message.contains(expected), "{given}: {message}");
        assert!(message.contains("search.lua:1"), "{given}: {message}");
    }
}

#[test]
fn a_dry_run_checks_one_trial() {
    let place = tempfile::tempdir().unwrap();
    let script = r#"
        local calls = 0
        local found = lapidary.search {
          space = { x = { 1, 2, 3 } }, trials = 3, run = function() calls = calls + 1 return 0 / 0 end,
        }
        assert(calls == 1 and found.best.x and not found.value and tostring(found):find("dry run"))
    "#;
    let (folder, result) = run(&place, script, true);
    result.unwrap_or_else(|e| panic!("{e}"));
    assert!(!folder.join("tables").exists());
}
