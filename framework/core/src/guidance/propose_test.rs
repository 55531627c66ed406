#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;

fn words() -> AttributeSet {
    ProposeSettings::default().words("My Shop 2")
}

fn attribute(name: &str, phrases: &str) -> String {
    format!(
        "{{\"name\": \"{name}\", \"description\": \"How much {name}.\", \"low\": \"none\", \"high\": \"all\", \
         \"phrases\": {phrases}}}"
    )
}

fn read(answer: &str) -> Proposal {
    Proposal::read(answer, words()).unwrap()
}

fn names(proposal: &Proposal) -> Vec<&str> {
    let attributes = proposal.set.attributes.iter();
    attributes.map(|a| a.name.as_str()).collect()
}

#[test]
fn a_sound_answer_becomes_a_file_that_loads() {
    let answer = format!(
        "{{\"attributes\": [{}, {}]}}",
        attribute("humor", "[\"jokes\", \"laughs\"]"),
        attribute("plot", "[\"plot \\\"twists\\\"\"]"),
    );
    let proposal = read(&answer);
    assert!(proposal.dropped.is_empty());
    let comments = ["Proposed by a\nmodel.".to_owned()];
    let text = proposal.file(&comments).unwrap();
    assert!(
        text.starts_with("# Proposed by a model.\n\ndomain = \"my_shop_2\"\n"),
        "{text}"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    std::fs::write(&path, text).unwrap();
    let set = attributes::load(&path).unwrap();
    assert_eq!(set, proposal.set);
    assert_eq!(set.attributes[1].phrases, ["plot \"twists\""]);
}

#[test]
fn what_is_meant_is_read_in_other_forms() {
    let (a, b) = (
        attribute("Humor!", "[\"jokes\"]"),
        attribute("Love Story", "\"love, passion\""),
    );
    for answer in [
        format!("Sure:\n```json\n[{a},\n{b}]\n```\nGood luck!"),
        format!("1. {a}\n2. {b}"),
        format!("{{\"attributes\": {{\"list\": [{a}, {b}]}}}}"),
        // Cut off in the third.
        format!("{{\"attributes\": [{a}, {b}, {{\"name\": \"scares\", \"descri"),
        "{\"humor\": {\"description\": \"How much Humor!.\", \"low\": \"none\", \"high\": \"all\", \"phrases\": [\"jokes\"]}, \
         \"love_story\": {\"Description\": \"How much Love Story.\", \"low\": \"none\", \"high\": \"all\", \
         \"phrases\": [\"love\", \"passion\"]}}"
            .to_owned(),
    ] {
        let proposal = read(&answer);
        assert_eq!(names(&proposal), ["humor", "love_story"], "{answer}");
        assert_eq!(proposal.set.attributes[1].phrases, ["love", "passion"]);
        assert!(proposal.file(&[]).is_ok());
    }
}

#[test]
fn what_cannot_be_used_is_dropped_and_named() {
    let answer = format!(
        "[{}, {}, {}, {}, {}, {}]",
        attribute("humor", "[\"jokes\", \"jokes\", \"…\", \" \"]"),
        attribute("HUMOR", "[\"fun\"]"),
        attribute("wit", "[\"jokes\", \"wit\"]"),
        attribute("plot_depth", "[]"),
        attribute("42", "[\"numbers\"]"),
        "{\"name\": \"scares\", \"description\": \"…\", \"low\": \"a\", \"high\": \"b\"}",
    );
    let proposal = read(&answer);
    assert_eq!(names(&proposal), ["humor", "wit", "plot_depth"]);
    let phrases: Vec<_> = proposal
        .set
        .attributes
        .iter()
        .map(|a| a.phrases.join("+"))
        .collect();
    assert_eq!(phrases, ["jokes", "wit", "plot depth"]);
    assert_eq!(
        proposal.dropped,
        [
            "`humor` stands there twice",
            "an attribute without a name",
            "`scares` has no text for `description`"
        ]
    );
    proposal.file(&[]).unwrap();
}

#[test]
fn an_answer_without_attributes_is_told_with_what_to_do() {
    for (answer, expected) in [
        ("", "no attributes in it"),
        (
            "I am a language model.\nI cannot.",
            "It begins: \"I am a language model. I cannot.\"",
        ),
        ("{\"score\": 3}", "no attributes in it"),
        (
            "{\"name\": \"…\", \"description\": \"…\"}",
            "an attribute without a name",
        ),
        (
            "{\"name\": \"humor\"}",
            "`humor` has no text for `description`",
        ),
    ] {
        let error = Proposal::read(answer, words()).unwrap_err().to_string();
        assert!(
            error.contains(expected) && error.contains("larger model"),
            "{answer}: {error}"
        );
    }
}

#[test]
fn the_question_shows_the_items_and_the_form() {
    let item = |title: &str| ItemText {
        title: title.to_owned(),
        year: "1999".to_owned(),
        categories: vec!["Drama".to_owned(), "War".to_owned()],
        ..ItemText::default()
    };
    let mut described = item("B");
    let long = "many words ".repeat(40);
    described
        .fields
        .insert("description".to_owned(), long.into());
    let settings = ProposeSettings {
        item: "film".to_owned(),
        items: "films".to_owned(),
        attributes: 4,
        ..ProposeSettings::default()
    };
    let request = settings.request(&[item("A\nfilm"), described]);
    let (
        Prompt::Chat { messages, .. },
        Ask::Complete {
            max_tokens, schema, ..
        },
    ) = (request.prompt, request.ask)
    else {
        panic!("a chat")
    };
    let question = &messages[1].content;
    assert!(
        question.starts_with(
            "Some of the films that we sell:\n- A film (1999); Drama, War\n- B (1999); "
        )
    );
    assert!(question.contains("Name 4 attributes that decide which film"));
    assert!(
        question.lines().all(|line| line.chars().count() < 420),
        "{question}"
    );
    assert_eq!(max_tokens, 64 + 440);
    assert_eq!(schema.unwrap()["required"], json!(["attributes"]));
}
