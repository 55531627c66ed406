//! Dry runs of scripts with mistakes and without.

use super::place::{Place, SMALL, text};

#[test]
fn a_dry_run_computes_nothing_and_finds_mistakes() {
    let place = Place::new();
    let output = place.run("scripts/quickstart.lua", &["--dry-run", "--set", SMALL[0]]);
    assert!(text(&output).contains("dry run"));
    assert!(!place.path("store/model").exists() && !place.path("store/guided").exists());

    let script = place.path("typo.lua");
    let typo = "local d = lapidary.dataset('tests/fixtures/tiny.toml'):leave_one_out {}\n\
                local b = lapidary.base_embedder('sasrec', { dim = 8, dropuot = 0.1 }):fit(d)\n";
    std::fs::write(&script, typo).unwrap();
    let output = place.run(script.to_str().unwrap(), &["--dry-run"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{errors}");
    assert!(
        errors.contains("typo.lua:2") && errors.contains("`dropout`"),
        "{errors}"
    );
    for (mistake, expected) in [
        (
            "lapidary.llm('local', { model = 'smollm3' })",
            "model `smollm3` was not found",
        ),
        ("lapidary.refine { base = base, dim = 4 }", "give a reducer"),
        (
            "lapidary.refine { base = base, alpha = -1 }",
            "refine: `alpha`: must be a number above 0",
        ),
        ("base.model:recommend('nobody')", "nobody"),
    ] {
        let text = format!(
            "local split = lapidary.dataset('tests/fixtures/tiny.toml'):leave_one_out {{}}\n\
             local base = lapidary.base_embedder('sasrec', {{ dim = 8 }}):fit(split)\n\
             local made = {mistake}\n\
             lapidary.prompt('score_phrases', {{ attributes = 'configs/attributes/movies.toml' }}):score(made, split)\n"
        );
        std::fs::write(&script, text).unwrap();
        let output = place.run(script.to_str().unwrap(), &["--dry-run"]);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(errors.contains(expected), "{mistake}: {errors}");
    }
    assert!(!place.path("store/model").exists());
}
