#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Map, json};

use super::*;
use crate::fixtures::{context, film};

fn strategy(change: impl Fn(&mut Settings)) -> Result<ScoreJson> {
    let mut settings = Settings::default();
    change(&mut settings);
    ScoreJson::create(settings, context())
}

fn read(text: &str) -> Reading {
    let item = Subject::Item(film("Up", "2009"));
    let answers = [Answer::Text(text.to_owned())];
    strategy(|_| ()).unwrap().read(&item, &answers).unwrap()
}

fn told(reading: &Reading) -> String {
    let texts: Vec<_> = reading.problems.iter().map(Problem::to_string).collect();
    texts.join("; ")
}

fn kinds(reading: &Reading) -> Vec<ProblemKind> {
    reading.problems.iter().map(|p| p.kind).collect()
}

fn chat(request: &Request) -> &[Message] {
    match &request.prompt {
        Prompt::Chat { messages, .. } => messages,
        Prompt::Text(text) => panic!("{text}"),
    }
}

#[test]
fn one_request_asks_for_everything() {
    let mut item = film("Up", "2009");
    item.categories = vec!["Animation".to_owned(), "Comedy".to_owned()];
    let requests = strategy(|_| ())
        .unwrap()
        .requests(&Subject::Item(item))
        .unwrap();
    let [request] = requests.as_slice() else {
        panic!("one")
    };
    let [system, user] = chat(request) else {
        panic!("two messages")
    };
    assert_eq!((system.role, user.role), (Role::System, Role::User));
    assert!(
        user.content
            .contains("The Animation, Comedy movie \"Up (2009)\"."),
        "{}",
        user.content
    );
    assert!(
        user.content
            .contains("- scares: How much scares. 0: none; 10: plenty.")
    );
    assert!(
        user.content
            .ends_with("{\"humor\": …, \"scares\": …, \"plot_complexity\": …}")
    );
    let Ask::Complete {
        max_tokens,
        temperature,
        ..
    } = request.ask
    else {
        panic!("text")
    };
    assert_eq!((max_tokens, temperature), (80, 0.0));
}

#[test]
fn the_form_is_asked_for_as_a_schema_when_told() {
    let schema = |on| {
        let strategy = strategy(|s| (s.schema, s.highest) = (on, 5)).unwrap();
        let item = Subject::Item(film("Up", "2009"));
        match strategy.requests(&item).unwrap().remove(0).ask {
            Ask::Complete { schema, .. } => schema,
            Ask::Likelihood { .. } => panic!("text"),
        }
    };
    assert_eq!(schema(false), None);
    let number = json!({ "type": "number", "minimum": 0, "maximum": 5 });
    let names = ["humor", "scares", "plot_complexity"];
    let properties: Map<_, _> = names
        .map(|n| (n.to_owned(), number.clone()))
        .into_iter()
        .collect();
    assert_eq!(
        schema(true),
        Some(json!({
            "type": "object", "properties": properties, "required": names, "additionalProperties": false
        }))
    );
    let refused = strategy(|s| (s.schema, s.answer_start) = (true, "{".to_owned()));
    assert!(
        refused
            .err()
            .unwrap()
            .to_string()
            .contains("`answer_start` empty")
    );
}

#[test]
fn a_user_is_told_by_the_history() {
    let user = Subject::User(vec![film("Up", "2009"), film("Jaws", "1975")]);
    let requests = strategy(|s| s.system.clear())
        .unwrap()
        .requests(&user)
        .unwrap();
    let [message] = chat(&requests[0]) else {
        panic!("one message")
    };
    assert!(
        message
            .content
            .contains("watched \"Up (2009)\" and \"Jaws (1975)\", oldest first")
    );
}

#[test]
fn a_sound_answer_is_scaled_to_0_to_1() {
    let found = read(r#"{"humor": 10, "scares": 0, "plot_complexity": 2.5}"#);
    assert_eq!(found.values, [Some(1.0), Some(0.0), Some(0.25)]);
    assert!(!found.repaired && found.problems.is_empty());
}

#[test]
fn a_repaired_answer_says_so() {
    let found = read("```json\n{'Humor': '7', 'Scares': 0, 'Plot Complexity': 3,}\n```");
    assert_eq!(found.values, [Some(0.7), Some(0.0), Some(0.3)]);
    assert!(found.repaired && found.problems.is_empty());
}

#[test]
fn what_is_missing_or_out_of_range_is_a_problem_and_never_moved_into_it() {
    let found = read(r#"{"humor": 11, "scares": -1}"#);
    assert_eq!(found.values, [None, None, None]);
    assert_eq!(
        told(&found),
        "`humor`: 11 is not within 0 and 10; `scares`: -1 is not within 0 and 10; `plot_complexity`: missing"
    );
    use ProblemKind::{Missing, NotANumber, OutOfRange};
    assert_eq!(kinds(&found), [OutOfRange, OutOfRange, Missing]);
    let found = read(r#"{"humor": 5, "scares": "very", "plot_complexity": 5}"#);
    assert_eq!(kinds(&found), [NotANumber]);
    assert_eq!(found.values, [Some(0.5), None, Some(0.5)]);
    assert_eq!(told(&found), "`scares`: \"very\" is no number");
}

#[test]
fn two_values_for_one_attribute_are_refused_unless_equal() {
    let found = read(r#"{"humor": 5, "Humor": 6, "scares": 1, "scares": 1, "plot_complexity": 0}"#);
    assert_eq!(found.values, [None, Some(0.1), Some(0.0)]);
    assert_eq!(kinds(&found), [ProblemKind::Ambiguous]);
    assert_eq!(told(&found), "`humor`: given twice, with different values");
}

#[test]
fn an_answer_without_scores_is_quoted() {
    let found = read(&format!("I am sorry,\n{}", "but ".repeat(50)));
    assert_eq!(found.values, [None, None, None]);
    let problem = told(&found);
    assert_eq!(kinds(&found), [ProblemKind::NoAnswer]);
    assert!(
        problem.starts_with("no scores in \"I am sorry, but but") && problem.ends_with("…\""),
        "{problem}"
    );
}

#[test]
fn a_given_beginning_belongs_to_the_answer() {
    let strategy = strategy(|s| s.answer_start = "{\"humor\":".to_owned()).unwrap();
    let item = Subject::Item(film("Up", ""));
    let answers = [Answer::Text(
        " 5, \"scares\": 1, \"plot_complexity\": 2}".to_owned(),
    )];
    let found = strategy.read(&item, &answers).unwrap();
    assert_eq!(found.values, [Some(0.5), Some(0.1), Some(0.2)]);
    assert!(!found.repaired);
}

#[test]
fn calibration_keeps_scores_and_their_gaps() {
    let raw = Tensor::from_slice2(&[[0.1f32, f32::NAN, 0.3], [0.4, 0.5, 0.6]]);
    let strategy = strategy(|_| ()).unwrap();
    let scores = strategy.calibrate(&raw, &raw).unwrap();
    assert!(scores.allclose(&raw, 0.0, 0.0, true));
    assert!(strategy.calibrate(&raw.narrow(1, 0, 2), &raw).is_err());
}

#[test]
fn wrong_settings_and_answers_are_refused() {
    assert!(strategy(|s| s.highest = 0).is_err());
    let message = strategy(|s| s.user_template = "{title}".to_owned())
        .err()
        .unwrap()
        .to_string();
    assert!(
        message.starts_with("`user_template`: unknown placeholder `{title}`"),
        "{message}"
    );
    let likelihood = [Answer::Likelihood {
        log_probs: vec![],
        tokens: vec![],
    }];
    let item = Subject::Item(film("Up", ""));
    assert!(strategy(|_| ()).unwrap().read(&item, &likelihood).is_err());
}
