//! Items held out of training.

use super::*;

#[test]
fn the_script_of_cold_start_runs() {
    let place = Place::new();
    let set = [
        SMALL[0],
        SMALL[1],
        "hold_out=0.2",
        "dim=16",
        "layers=1",
        "heads=1",
    ];
    let printed = place.print("scripts/cold_start.lua", &set);
    for expected in ["8 items held out", "refined, nearest", "Among all items"] {
        assert!(printed.contains(expected), "no `{expected}` in:\n{printed}");
    }
    for table in ["cold_start_cold.csv", "cold_start_all.csv"] {
        assert!(place.latest_run().join("tables").join(table).exists());
    }
}

#[test]
fn held_out_items_are_asked_for_and_nowhere_else() {
    let place = Place::new();
    let failed = outcome(
        &place,
        r#"
        local cold = data:leave_one_out { max_len = 10, hold_out_items = 0.2, seed = 3 }
        local report = cold:report()
        assert(report.held_out_items == 8 and report.cold_cases == #cold.cold and #cold.cold > 10)
        local base = embedder:fit(cold, training)
        local among = { among = "cold", metrics = { "mrr" } }
        local chance = 0
        for place = 1, 8 do chance = chance + 1 / place / 8 end
        local function value(of) return of:evaluate(cold.cold, among):value("mrr") end
        assert(math.abs(value(lapidary.chance(cold)) - chance) < 1e-9)
        assert(math.abs(value(lapidary.popularity(cold)) - chance) < 1e-9, "nobody had them")
        assert(math.abs(value(base) - chance) < 1e-6, "all alike to a base that never saw them")
        local user = cold.cold:user(1)
        assert(#base.model:recommend(user, { k = 3, before = cold.cold }) == 3)
        local plain = lapidary.chance(cold):evaluate(cold.cold)
        local _, message = pcall(lapidary.compare, {
          { "a", { plain } }, { "b", { lapidary.chance(cold):evaluate(cold.cold, among) } },
        })
        assert(tostring(message):find("compare like with like"), tostring(message))
        "#,
    );
    assert_eq!(failed, None);
    place.refuses(
        PARTS,
        &[
            ("print(#split.cold)", "make it with `hold_out_items`"),
            (
                "base:evaluate(split.test, { among = 'cold' })",
                "make it with `hold_out_items`",
            ),
            (
                "local held = data:leave_one_out { max_len = 10, hold_out_items = 0.2 }\n\
             lapidary.chance(held):evaluate(held.test, { among = 'cold' })",
                "ask for `split.cold`",
            ),
            (
                "data:leave_one_out { hold_out_items = 1 }",
                "must be a share of the items, from 0 to below 1, found 1",
            ),
            (
                "data:leave_one_out { hold_out = 0.1 }",
                "did you mean `hold_out_items`",
            ),
            (
                "lapidary.refine { base = base, unseen = 'neerest' }",
                "did you mean `nearest`",
            ),
            (
                "lapidary.refine { base = base, neighbours = 0 }",
                "neighbours",
            ),
        ],
    );
}
