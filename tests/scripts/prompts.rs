//! Template files, attributes and answers of models, through scripts.

use super::*;
use lapidary_core::data::load_toml;
use lapidary_core::guidance::attributes;
use lapidary_core::pipeline::item_text;
use lapidary_prompts::{Reasoned, Templated};
use lapidary_sdk::prelude::*;

const MOVIES: &str = "configs/attributes/movies.toml";

#[test]
fn every_template_that_comes_with_lapidary_fits_its_attributes() {
    let place = Place::new();
    let folder = std::fs::read_dir(workspace().join("configs/prompts")).unwrap();
    let mut names: Vec<String> = folder
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 5, "{names:?}");
    for name in names {
        let stem = name.trim_end_matches(".toml");
        let strategy = if stem.starts_with("few_shot") { "few_shot" } else { "reasoned" };
        let domain = stem.strip_prefix("few_shot_").unwrap_or("clothing");
        let script = format!(
            "lapidary.prompt('{strategy}', {{ attributes = 'configs/attributes/{domain}.toml',\n\
             template = 'configs/prompts/{name}' }})"
        );
        assert_eq!(outcome(&place, &script), None, "{name}");
    }
}

#[test]
fn mistakes_in_a_template_are_told_with_its_file_and_line() {
    let place = Place::new();
    let template = std::fs::read_to_string(workspace().join("configs/prompts/reasoned.toml")).unwrap();
    let line = template.lines().position(|l| l.contains("{categories}")).unwrap() + 1;
    std::fs::write(place.path("mine.toml"), template.replace("{categories}", "{category}")).unwrap();
    let script = format!("lapidary.prompt('reasoned', {{ attributes = '{MOVIES}', template = 'mine.toml' }})");
    let errors = outcome(&place, &script).unwrap();
    let expected = format!("mine.toml:{line}: unknown placeholder `{{category}}`; did you mean `{{categories}}`?");
    assert!(errors.contains(&expected), "{errors}");
    let script = format!("lapidary.prompt('few_shot', {{ attributes = '{MOVIES}', template = 'nowhere.toml' }})");
    assert!(outcome(&place, &script).unwrap().contains("nowhere.toml: not found"));
    let script = format!("lapidary.prompt('score_json', {{ attributes = '{MOVIES}', template = 'mine.toml' }})");
    assert!(outcome(&place, &script).unwrap().contains("unknown key `template`"));
}

#[test]
fn reasons_are_asked_for_and_scores_are_read_from_a_recording() {
    let place = Place::new();
    let data = load_toml(&workspace().join("tests/fixtures/tiny.toml"), &place.path("imported")).unwrap();
    let set = attributes::load(&workspace().join(MOVIES)).unwrap();
    let context = PromptStrategyContext { attributes: set.clone() };
    let strategy = Templated::<Reasoned>::create(Default::default(), context).unwrap();
    let mut lines = String::new();
    for item in 0..data.items() as u32 {
        let subject = Subject::Item(item_text(&data, item).unwrap());
        let rate = |(n, a): (usize, &Attribute)| format!("\"{}\": {}", a.name, (n + item as usize) % 11);
        let scores: Vec<String> = set.attributes.iter().enumerate().map(rate).collect();
        let answer = match item {
            7 => "I never heard of it.".to_owned(),
            _ => format!("People like it.\n{{{}}}", scores.join(", ")),
        };
        let request = strategy.requests(&subject).unwrap().remove(0);
        let line = serde_json::json!({"request": request, "answer": Answer::Text(answer)});
        lines += &format!("{line}\n");
    }
    let file = place.path("recording.jsonl");
    std::fs::write(&file, lines).unwrap();
    let script = format!(
        r#"
        local llm = lapidary.llm("replay", {{ file = "{}" }})
        local prompt = lapidary.prompt("reasoned", {{ attributes = "{MOVIES}" }})
        local guided = prompt:score(llm, split)
        local figures = guided:figures().items
        assert(figures.asked == split.items and figures.unread == 1 and figures.repaired == 0)
        local scores = guided:items():totable()
        assert(math.abs(scores[1][1] - 0) < 1e-6 and math.abs(scores[1][4] - 0.3) < 1e-6, "of what was written")
        assert(math.abs(scores[3][12] - 0.2) < 1e-6)
        "#,
        file.display()
    );
    assert_eq!(outcome(&place, &script), None);
}
