//! Rankings of other systems, from their TREC run files.

use std::process::Command;

use super::*;

#[test]
fn a_ranking_comes_back_from_its_file_with_the_same_figures() {
    let place = Place::new();
    let failed = outcome(
        &place,
        r#"
        local names = { "ndcg@10", "recall@10", "mrr@10" }
        local function back(split, cases, ours, name)
          ours:export(name)
          local run = lapidary.trec_run(split, lapidary.folder .. "/rankings/" .. name .. ".run")
          local theirs = run:evaluate(cases, { lists = 10 })
          local compared = lapidary.compare { { "ours", { ours } }, { "theirs", { theirs } }, metrics = names, name = name }
          for _, metric in ipairs(names) do
            local value = ours:value(metric)
            assert(value > 0 and theirs:value(metric) == value, name .. " " .. metric)
            assert(compared:gain("theirs", metric) == 0)
          end
          return theirs
        end
        local ours = base:evaluate(split.test, { lists = 10 })
        assert(ours.tied == 0)
        local theirs = back(split, split.test, ours, "mine")
        assert(theirs:value("recall@20") > theirs:value("recall@10"), "what is not listed ties behind the list")
        -- Lists of the whole catalogue keep all ties.
        local many = data:temporal { quantiles = { 0.5, 0.6 }, targets = "all" }
        local popular = lapidary.popularity(many):evaluate(many.test, { lists = many.items })
        assert(popular.tied > 0 and #many.test > 0)
        back(many, many.test, popular, "several cases")
        local cold = data:leave_one_out { max_len = 10, hold_out_items = 0.2, seed = 3 }
        local among = embedder:fit(cold, training):evaluate(cold.cold, { among = "cold", lists = 3 })
        among:export("cold")
        local run = lapidary.trec_run(cold, lapidary.folder .. "/rankings/cold.run")
        local recall = run:evaluate(cold.cold, { among = "cold" }):value("recall@8")
        assert(math.abs(recall - 1) < 1e-6, "nothing but cold items ties with those not listed")
        "#,
    );
    assert_eq!(failed, None);
    let shown = Command::new(env!("CARGO_BIN_EXE_lapidary"))
        .args(["runs", "show", "last", "--runs"])
        .arg(place.path("runs"))
        .output()
        .unwrap();
    assert!(
        text(&shown).contains("test mine ndcg@10"),
        "{}",
        text(&shown)
    );
}

#[test]
fn broken_run_files_are_refused_also_in_a_dry_run() {
    let place = Place::new();
    let script = place.path("parts.lua");
    let good = "27 Q0 1790885 1 0.5 t\n";
    for (file, expected) in [
        ("", "other.run: is empty"),
        ("27 Q0 1790885 0.5\n", "other.run:1: has 4 fields"),
        (
            "27 Q0 1790885 1 much t\n",
            "other.run:1: the score `much` is no finite number",
        ),
        (
            "277 Q0 1790885 1 0.5 t\n",
            "other.run:1: unknown user `277`; did you mean `27`",
        ),
        (
            "27 Q0 1790886 1 0.5 t\n",
            "other.run:1: unknown item `1790886`; did you mean `1790885`",
        ),
        (
            &format!("{good}{good}"),
            "other.run:2: item `1790885` is listed twice for query `27`",
        ),
        (
            good,
            "other.run: has no list for 79 of the 80 cases, such as query `",
        ),
    ] {
        std::fs::write(place.path("other.run"), file).unwrap();
        let asks = "local split = lapidary.dataset('tests/fixtures/tiny.toml'):leave_one_out {}\n\
                    lapidary.trec_run(split, 'other.run'):evaluate(split.test)";
        std::fs::write(&script, asks).unwrap();
        for more in [&["--dry-run"][..], &[]] {
            let output = place.run(script.to_str().unwrap(), more);
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(1), "{errors}");
            assert!(errors.contains(expected), "{expected}: {errors}");
            assert!(errors.contains("parts.lua:2"), "{errors}");
        }
    }
}

#[test]
fn a_changed_file_is_evaluated_anew() {
    let place = Place::new();
    let items =
        std::fs::read_to_string(workspace().join("tests/fixtures/tiny/items.jsonl")).unwrap();
    let ids = items.lines().map(|line| {
        let item: serde_json::Value = serde_json::from_str(line).unwrap();
        format!("'{}', ", item["item_id"].as_str().unwrap())
    });
    let failed = outcome(
        &place,
        &format!("local items = {{ {} }}{CHANGES}", ids.collect::<String>()),
    );
    assert_eq!(failed, None);
}

const CHANGES: &str = r#"
    local function value(sign)
      local lines = {}
      for n = 1, #split.test do
        for place, item in ipairs(items) do
          lines[#lines + 1] = ("%s Q0 %s 1 %d t"):format(split.test:user(n), item, sign * place)
        end
      end
      local file = lapidary.write("other.run", table.concat(lines, "\n"))
      return lapidary.trec_run(split, file):evaluate(split.test):value("mrr")
    end
    local up = value(1)
    assert(value(-1) ~= up and value(1) == up)
"#;
