//! Reasons from scripts: steering, and tests of whether they hold.

use super::servers::rating_server;
use super::*;

/// A model's reasons of every kind, of what a server's model rated.
const REASONS: &str = r#"
    local llm = lapidary.llm("openai", { base_url = "URL", model = "rater" })
    local guided = lapidary.prompt("score_json", { attributes = "configs/attributes/movies.toml", schema = true })
      :score(llm, split, { users = "history_mean" })
    local kinds = {}
    for _, users in ipairs { "scored", "backbone", "hidden" } do kinds[#kinds + 1] = { users, "dot" } end
    kinds[#kinds + 1] = { "scored", "cosine" }
    for _, kind in ipairs(kinds) do
      local refined = lapidary.refine { base = base, guided = guided, reduced_dim = 8, users = kind[1], score = kind[2] }
      local model = lapidary.backbone("sasrec", { heads = 1, layers = 1 }):fit(split, refined, training)
      local faithful = model:faithfulness(split.test, { remove = 3, seed = 1 })
      assert(faithful.cases == #split.test and faithful.remove == 3 and faithful.k == 10)
      assert(model:faithfulness(split.test, { remove = 3, seed = 1 }).random == faithful.random, "it is loaded")
      assert(faithful.important >= 0 and faithful.random <= 1)
      local gap = faithful.difference
      assert(math.abs(gap.mean - (faithful.random - faithful.important)) < 1e-6)
      assert(gap.low <= gap.mean and gap.mean <= gap.high)
      assert(tostring(faithful):find("95 %% interval"), tostring(faithful))
      local steered = model:steering(split.test, { attribute = "humor", steps = { 0, 1, 2, 4 } })
      assert(#steered.steps == 4 and steered.steps[1].ndcg_loss == 0)
      for n = 2, 4 do
        local before, now = steered.steps[n - 1], steered.steps[n]
        assert(kind[2] == "cosine" or now.mean >= before.mean - 1e-6, tostring(steered))
        assert(now.ndcg >= 0 and now.recall >= now.ndcg)
      end
      local plain = model:evaluate(split.test)
      assert(math.abs(plain:value("ndcg@10") - steered.steps[1].ndcg) < 1e-9)
      local same = model:recommend(user, { k = 5, steer = { humor = 0 } })
      local funny = model:recommend(user, { k = 5, steer = { humor = 30, scares = -1 } })
      for n, best in ipairs(model:recommend(user, { k = 5 })) do assert(best.item == same[n].item) end
      local why = model:explain(user, funny[1].item, { steer = { humor = 30, scares = -1 } })
      assert(math.abs(why.score - funny[1].score) < 1e-3 * math.max(1, math.abs(why.score)))
      print(kind[1], kind[2], faithful, steered)
    end
    local agreement = guided:agreement { least = 5 }
    assert(#agreement > 0 and #agreement % #guided.attributes == 0)
    for _, found in ipairs(agreement) do
      assert(found.auc >= 0 and found.auc <= 1 and found.items >= 5 and found.attribute and found.category)
    end
"#;

#[test]
fn reasons_are_steered_and_tested_from_scripts() {
    let (place, server) = (Place::new(), rating_server(None));
    let script = REASONS.replace("URL", &server.url);
    assert_eq!(outcome(&place, &script), None);
    for (ask, expected) in [
        (
            "model:recommend(user, { steer = { humour = 1 } })",
            "unknown attribute `humour`; did you mean `humor`?",
        ),
        (
            "model:recommend(user, { steer = { humor = 'much' } })",
            "`steer`",
        ),
        ("model:steering(split.test)", "`attribute`: is missing"),
        (
            "model:steering(split.test, { attribute = 'humor', step = { 1 } })",
            "did you mean `steps`?",
        ),
        (
            "model:faithfulness(split.test, { remove = 12 })",
            "give 1 to 11",
        ),
        ("base.model:faithfulness(split.test)", "has no attributes"),
        (
            "base.model:steering(split.test, { attribute = 'humor' })",
            "has no attributes",
        ),
        ("guided:agreement { leas = 3 }", "did you mean `least`?"),
    ] {
        let model = "local model = lapidary.backbone('sasrec', { heads = 1, layers = 1 }):fit(split,                      lapidary.refine { base = base, guided = guided, reduced_dim = 8 }, training)\n";
        let opening = script.split("local kinds").next().unwrap();
        let errors = outcome(&place, &format!("{opening}{model}{ask}"));
        let errors = errors.unwrap_or_else(|| panic!("{ask} passed"));
        assert!(errors.contains(expected), "{ask}: {errors}");
    }
}

#[test]
fn a_dry_run_checks_tests_of_reasons_and_makes_none() {
    let (place, server) = (Place::new(), rating_server(None));
    let opening = REASONS.split("local kinds").next().unwrap();
    let opening = opening.replace("URL", &server.url);
    let dry = |ask: &str| {
        let script = format!(
            "{PARTS}{opening}
            local refined = lapidary.refine {{ base = base, guided = guided, reduced_dim = 8 }}
            local model = lapidary.backbone('sasrec'):fit(split, refined, training)
            {ask}"
        );
        let path = place.path("dry.lua");
        std::fs::write(&path, script).unwrap();
        let output = place.run(path.to_str().unwrap(), &["--dry-run"]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (!output.status.success()).then_some(errors)
    };
    let nothing = "assert(model:faithfulness(split.test) == nil and #guided:agreement() == 0)
        assert(model:steering(split.test, { attribute = 'humor' }) == nil)
        assert(#model:recommend(user, { steer = { humor = 1 } }) == 0)";
    assert_eq!(dry(nothing), None);
    for (ask, expected) in [
        (
            "model:steering(split.test, { attribute = 'humour' })",
            "did you mean `humor`?",
        ),
        (
            "model:recommend(user, { steer = { humour = 1 } })",
            "did you mean `humor`?",
        ),
        (
            "model:faithfulness(split.test, { remove = 0 })",
            "give 1 to 11",
        ),
    ] {
        let errors = dry(ask).unwrap_or_else(|| panic!("{ask} passed"));
        assert!(errors.contains(expected), "{ask}: {errors}");
    }
}
