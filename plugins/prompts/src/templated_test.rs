#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::fixtures::{context, film};

const FILE: &str = r#"system = "You sell {items}."
item = """
Rate the {item} "{title}[ ({year})]" from 0 to {highest}:
{attributes}
{format}
"""
user = "Somebody {verb} {history}. {format}"
highest = 5

[[examples]]
item = { title = "Airplane!", year = 1980 }
scores = { humor = 5, scares = 0, plot_complexity = 0.5 }

[[examples]]
history = [{ title = "Alien", year = 1979 }, { title = "Jaws" }]
reasoning = "They like to be afraid."
scores = { scares = 5, humor = 1, plot_complexity = 2 }
"#;

fn few_shot(template: &str) -> Result<Templated<FewShot>> {
    let settings = Settings {
        template: template.to_owned(),
        template_name: "my.toml".to_owned(),
        ..Settings::default()
    };
    Templated::create(settings, context())
}

fn reasoned() -> Templated<Reasoned> {
    Templated::create(Settings::default(), context()).unwrap()
}

fn item() -> Subject {
    Subject::Item(film("Up", "2009"))
}

fn asked(strategy: &impl PromptStrategy, subject: &Subject) -> (Vec<(Role, String)>, u32) {
    let request = strategy.requests(subject).unwrap().remove(0);
    let (Prompt::Chat { messages, .. }, Ask::Complete { max_tokens, .. }) =
        (request.prompt, request.ask)
    else {
        panic!("a chat that is answered in writing")
    };
    let messages = messages.into_iter().map(|m| (m.role, m.content));
    (messages.collect(), max_tokens)
}

#[test]
fn examples_stand_before_the_question_in_its_own_words() {
    let strategy = few_shot(FILE).unwrap();
    let (messages, tokens) = asked(&strategy, &item());
    let [system, question, answer, own] = messages.as_slice() else {
        panic!("{messages:?}")
    };
    assert_eq!(system, &(Role::System, "You sell movies.".to_owned()));
    assert!(
        question
            .1
            .starts_with("Rate the movie \"Airplane! (1980)\" from 0 to 5:\n- humor: ")
            && question
                .1
                .ends_with("\n{\"humor\": …, \"scares\": …, \"plot_complexity\": …}"),
        "{question:?}"
    );
    let scores = "{\"humor\": 5, \"scares\": 0, \"plot_complexity\": 0.5}";
    assert_eq!(answer, &(Role::Assistant, scores.to_owned()));
    assert_eq!(own.0, Role::User);
    assert_eq!(question.1.replace("Airplane! (1980)", "Up (2009)"), own.1);
    assert_eq!(tokens, 80);
}

#[test]
fn users_have_examples_of_their_own() {
    let strategy = few_shot(FILE).unwrap();
    let user = Subject::User(vec![film("Up", "2009")]);
    let (messages, _) = asked(&strategy, &user);
    assert_eq!(messages.len(), 4);
    assert!(
        messages[1]
            .1
            .starts_with("Somebody watched \"Alien (1979)\" and \"Jaws\".")
    );
    assert_eq!(
        messages[2].1,
        "They like to be afraid.\n{\"humor\": 1, \"scares\": 5, \"plot_complexity\": 2}"
    );
    let items_only = few_shot("item = \"{title} {format}\"").unwrap();
    let refused = items_only.requests(&user).unwrap_err().to_string();
    assert!(refused.contains("no question about users"), "{refused}");
}

#[test]
fn an_example_answer_is_read_as_what_it_says() {
    let strategy = few_shot(FILE).unwrap();
    let (messages, _) = asked(&strategy, &item());
    let answers = [Answer::Text(messages[2].1.clone())];
    let found = strategy.read(&item(), &answers).unwrap();
    assert_eq!(found.values, [Some(1.0), Some(0.0), Some(0.1)]);
    assert!(!found.repaired && found.problems.is_empty());
}

#[test]
fn reasons_before_the_scores_are_no_repair_and_are_not_scores() {
    let strategy = reasoned();
    let (messages, tokens) = asked(&strategy, &item());
    assert!(messages[1].1.contains("Say in two or three sentences"));
    assert_eq!(tokens, 280);
    let read = |text: &str| {
        let answers = [Answer::Text(text.to_owned())];
        strategy.read(&item(), &answers).unwrap()
    };
    let answer = "Up is funny and sad; humor: 9 may be too much. {So it goes.}\n\
                  {\"humor\": 6, \"scares\": 1, \"plot_complexity\": 3}";
    let found = read(answer);
    assert_eq!(found.values, [Some(0.6), Some(0.1), Some(0.3)]);
    assert!(!found.repaired && found.problems.is_empty(), "{found:?}");
    assert!(read("Well. {'humor': 6, 'scares': 1, 'plot_complexity': 3}").repaired);
    let cut = read("Up is a film about an old man who");
    assert_eq!(cut.values, [None, None, None]);
    assert_eq!(cut.problems[0].kind, ProblemKind::NoAnswer);
}

#[test]
fn mistakes_are_named_with_file_and_line() {
    let refused = |from: &str, to: &str| {
        assert!(FILE.contains(from), "{from}");
        few_shot(&FILE.replacen(from, to, 1))
            .err()
            .unwrap()
            .to_string()
    };
    for (from, to, expected) in [
        (
            "\"{title}[ ({year})]\"",
            "{titel}",
            "my.toml:3: unknown placeholder `{titel}`; did you mean `{title}`?",
        ),
        (
            "{format}\n\"\"\"",
            "{form\n\"\"\"",
            "my.toml:5: `{` is not closed",
        ),
        (
            "{history}",
            "{histroy}",
            "my.toml:7: unknown placeholder `{histroy}`; did you mean `{history}`?",
        ),
        (
            "{items}.",
            "{title}.",
            "my.toml:1: unknown placeholder `{title}`",
        ),
        (
            "humor = 5",
            "humour = 5",
            "my.toml:12: unknown attribute `humour`; did you mean `humor`?",
        ),
        (
            "scares = 0, ",
            "",
            "my.toml:12: the example has no score of `scares`",
        ),
        (
            "humor = 5",
            "humor = 6",
            "my.toml:12: `humor`: 6 is not within 0 and 5",
        ),
        (
            "highest = 5",
            "highest = 0",
            "my.toml:8: `highest` must be at least 1",
        ),
        (
            "highest = 5",
            "hihgest = 5",
            "my.toml:8: unknown key `hihgest`; did you mean `highest`?",
        ),
        ("item = {", "film = {", "my.toml:11: unknown key `film`"),
        (
            "\nitem = { title = \"Airplane!\", year = 1980 }",
            "",
            "an `item` or of a user's `history`",
        ),
        ("humor = 5", "humor = ", "my.toml:12: "),
    ] {
        let message = refused(from, to);
        assert!(message.contains(expected), "{expected}: {message}");
    }
}
