//! Template files, attributes and answers of models, through scripts.

use super::*;
use lapidary_core::data::load_toml;
use lapidary_core::guidance::{ProposeSettings, attributes};
use lapidary_core::pipeline::item_text;
use lapidary_core::plugin::Registry;
use lapidary_sdk::prelude::*;
use lapidary_testkit::library::plugin_library;

/// The components of a built plugin.
fn loaded(plugin: &str) -> Registry {
    let mut registry = Registry::empty();
    registry.load_file(&plugin_library(plugin)).unwrap();
    registry
}

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
        let strategy = if stem.starts_with("few_shot") {
            "few_shot"
        } else {
            "reasoned"
        };
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
    let template =
        std::fs::read_to_string(workspace().join("configs/prompts/reasoned.toml")).unwrap();
    let line = template
        .lines()
        .position(|l| l.contains("{categories}"))
        .unwrap()
        + 1;
    std::fs::write(
        place.path("mine.toml"),
        template.replace("{categories}", "{category}"),
    )
    .unwrap();
    let script = format!(
        "lapidary.prompt('reasoned', {{ attributes = '{MOVIES}', template = 'mine.toml' }})"
    );
    let errors = outcome(&place, &script).unwrap();
    let expected = format!(
        "mine.toml:{line}: unknown placeholder `{{category}}`; did you mean `{{categories}}`?"
    );
    assert!(errors.contains(&expected), "{errors}");
    let script = format!(
        "lapidary.prompt('few_shot', {{ attributes = '{MOVIES}', template = 'nowhere.toml' }})"
    );
    assert!(
        outcome(&place, &script)
            .unwrap()
            .contains("nowhere.toml: not found")
    );
    let script = format!(
        "lapidary.prompt('score_json', {{ attributes = '{MOVIES}', template = 'mine.toml' }})"
    );
    assert!(
        outcome(&place, &script)
            .unwrap()
            .contains("unknown key `template`")
    );
}

#[test]
fn reasons_are_asked_for_and_scores_are_read_from_a_recording() {
    let place = Place::new();
    let data = load_toml(
        &workspace().join("tests/fixtures/tiny.toml"),
        &place.path("imported"),
    )
    .unwrap();
    let set = attributes::load(&workspace().join(MOVIES)).unwrap();
    let context = PromptStrategyContext {
        attributes: set.clone(),
    };
    let registry = loaded("prompts");
    let strategy = registry
        .prompt_strategy("reasoned", &serde_json::json!({}), &context)
        .unwrap();
    let mut lines = String::new();
    for item in 0..data.items() as u32 {
        let subject = Subject::Item(item_text(&data, item).unwrap());
        let rate =
            |(n, a): (usize, &Attribute)| format!("\"{}\": {}", a.name, (n + item as usize) % 11);
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

/// Records one answer to the question for attributes about all items of the small data set; the recording's file.
fn recorded(place: &Place, settings: &ProposeSettings, answer: &str) -> String {
    let data = load_toml(
        &workspace().join("tests/fixtures/tiny.toml"),
        &place.path("imported"),
    )
    .unwrap();
    let texts = (0..data.items() as u32).map(|item| item_text(&data, item).unwrap());
    let request = settings.request(&texts.collect::<Vec<_>>());
    let line = serde_json::json!({"request": request, "answer": Answer::Text(answer.to_owned())});
    let file = place.path("recording.jsonl");
    std::fs::write(&file, format!("{line}\n")).unwrap();
    file.display().to_string()
}

#[test]
fn proposed_attributes_can_be_used_at_once() {
    let settings = ProposeSettings {
        sample: 100,
        attributes: 2,
        item: "film".to_owned(),
        items: "films".to_owned(),
        verb: "saw".to_owned(),
        ..ProposeSettings::default()
    };
    let place = Place::new();
    let answer = "Gladly!\n{\"attributes\": [\
                  {\"name\": \"Humor\", \"description\": \"How funny.\", \"low\": \"grave\", \"high\": \"silly\", \"phrases\": [\"jokes\"]}, \
                  {\"name\": \"price\", \"description\": \"\", \"low\": \"a\", \"high\": \"b\"}, \
                  {\"name\": \"love story\", \"description\": \"How much love.\", \"low\": \"none\", \"high\": \"all of it\"}]}";
    let file = recorded(&place, &settings, answer);
    let script = format!(
        r#"
        local llm = lapidary.llm("replay", {{ file = "{file}" }})
        local given = {{ sample = 100, attributes = 2, item = "film", items = "films", verb = "saw" }}
        local proposed = llm:propose_attributes(data, given)
        assert(table.concat(proposed.attributes, " ") == "humor love_story")
        assert(#proposed.dropped == 1 and proposed.dropped[1]:find("price"))
        assert(proposed.text:find("Proposed by replay %(replay%) from 40 of the 40 items of tiny"), proposed.text)
        lapidary.prompt("score_phrases", {{ attributes = proposed.file }})
        local _, message = pcall(llm.propose_attributes, llm, data, {{ atributes = 2 }})
        assert(tostring(message):find("did you mean `attributes`"), tostring(message))
        "#
    );
    assert_eq!(outcome(&place, &script), None);
    let folder = place.latest_run();
    let written = attributes::load(&folder.join("attributes.toml")).unwrap();
    assert_eq!(
        (written.verb.as_str(), written.attributes.len()),
        ("saw", 2)
    );
    let whole = std::fs::read_to_string(folder.join("attributes.toml.answer.txt")).unwrap();
    assert_eq!(whole, answer);
}

#[test]
fn a_proposal_that_cannot_be_used_is_told_and_kept() {
    let place = Place::new();
    let settings = ProposeSettings {
        sample: 100,
        ..ProposeSettings::default()
    };
    let file = recorded(&place, &settings, "Movies are fun.");
    let script = format!(
        "lapidary.llm('replay', {{ file = '{file}' }}):propose_attributes(data, {{ sample = 100 }})"
    );
    let errors = outcome(&place, &script).unwrap();
    for expected in [
        "no attributes in it",
        "\"Movies are fun.\"",
        "larger model",
        "attributes.toml.answer.txt",
    ] {
        assert!(errors.contains(expected), "no `{expected}` in {errors}");
    }
    let kept = place.latest_run().join("attributes.toml.answer.txt");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "Movies are fun.");
}

/// The folder of the default model, where it was fetched.
fn small_model() -> Option<String> {
    let models = workspace().join(".deps/models");
    if !models.join("SmolLM2-135M-Instruct.Q4_1.gguf").is_file() {
        println!("skipped: the default model is not in {}", models.display());
        return None;
    }
    Some(models.display().to_string())
}

#[test]
fn a_small_model_follows_the_form_of_the_examples() {
    let Some(models) = small_model() else { return };
    let context = LlmContext {
        device: "cpu".to_owned(),
        model_dirs: vec![models],
    };
    let (local, prompts) = (loaded("llm_local"), loaded("prompts"));
    let nothing = serde_json::json!({});
    let llm = local.llm("local", &nothing, &context).unwrap();
    let template =
        std::fs::read_to_string(workspace().join("configs/prompts/few_shot_movies.toml")).unwrap();
    let context = PromptStrategyContext {
        attributes: attributes::load(&workspace().join(MOVIES)).unwrap(),
    };
    let settings = serde_json::json!({ "template": template });
    let strategy = prompts
        .prompt_strategy("few_shot", &settings, &context)
        .unwrap();
    let subject = Subject::Item(ItemText {
        title: "Dumb and Dumber".to_owned(),
        year: "1994".to_owned(),
        categories: vec!["Comedy".to_owned()],
        ..ItemText::default()
    });
    let answers = llm.answer(&strategy.requests(&subject).unwrap()).unwrap();
    println!("{answers:?}");
    let reading = strategy.read(&subject, &answers).unwrap();
    assert!(reading.values.iter().all(Option::is_some), "{reading:?}");
}

#[test]
fn the_script_of_attributes_asks_the_small_model_and_tells_what_came_back() {
    if small_model().is_none() {
        return;
    }
    let place = Place::new();
    let set = [
        "--set",
        SMALL[0],
        "--set",
        "attributes=2",
        "--set",
        "sample=8",
        "--set",
        "item=film",
    ];
    let output = place.run("scripts/attributes.lua", &set);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{printed}\n{errors}");
    let folder = place.latest_run();
    assert!(folder.join("attributes.toml.answer.txt").exists());
    match output.status.success() {
        true => {
            let set = attributes::load(&folder.join("attributes.toml")).unwrap();
            assert!(set.attributes.iter().all(|a| printed.contains(&a.name)));
        }
        false => assert!(
            errors.contains("cannot be used") && errors.contains("larger model"),
            "{errors}"
        ),
    }
}
