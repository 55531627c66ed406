//! What is asked of the server, and what is made of its replies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::sync::{Arc, Barrier};

use common::{Act, TestServer, complete, error, failure, likelihood, make, model, text, user};
use lapidary_llm_openai::settings::{Likelihoods, Structured};
use lapidary_llm_openai::{OpenAi, Settings};
use lapidary_sdk::prelude::*;
use serde_json::{Value, json};

const PROMPT: &str = "The film is best known for its";
const PHRASES: [&str; 5] = [" story", " music", " storyline", " dark humor", " scares"];
const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

fn measured(llm: &OpenAi, prompt: Prompt, continuations: &[&str]) -> (Vec<f64>, Vec<u32>) {
    let answers = llm.answer(&[likelihood(prompt, continuations)]).unwrap();
    match answers.into_iter().next().unwrap() {
        Answer::Likelihood { log_probs, tokens } => (log_probs, tokens),
        Answer::Text(text) => panic!("{text}"),
    }
}

fn close(found: &[f64], expected: &[f64]) {
    let near = found
        .iter()
        .zip(expected)
        .all(|(a, b)| (a - b).abs() < 1e-9);
    assert!(
        near && found.len() == expected.len(),
        "{found:?} {expected:?}"
    );
}

/// The field of the last call's body.
fn sent(server: &TestServer, field: &str) -> Value {
    server.calls().pop().unwrap().body[field].clone()
}

#[test]
fn likelihoods_are_the_models_own_by_echo_and_by_next_tokens() {
    let server = TestServer::kind();
    let expected = PHRASES.map(|p| model::measure(PROMPT, p));
    let (values, counts): (Vec<f64>, Vec<u32>) = expected.into_iter().unzip();
    assert_eq!(counts, [1, 1, 2, 2, 2]);
    for way in [Likelihoods::Echo, Likelihoods::NextToken] {
        let llm = server.llm(|s| (s.likelihoods, s.top_logprobs) = (way, 28));
        let (found, tokens) = measured(&llm, text(PROMPT), &PHRASES);
        close(&found, &values);
        assert_eq!(tokens, counts, "{way:?}");
    }
}

#[test]
fn one_list_serves_all_continuations_and_their_tokens_are_learned_once() {
    let server = TestServer::kind();
    let llm = server.llm(|s| (s.likelihoods, s.top_logprobs) = (Likelihoods::NextToken, 28));
    measured(&llm, text(PROMPT), &PHRASES);
    let first = server.calls().len();
    let (found, _) = measured(&llm, text("The plot is best known for its"), &PHRASES);
    let texts: Vec<_> = server
        .calls()
        .drain(first..)
        .map(|c| c.body["prompt"].clone())
        .collect();
    let after =
        ["", " story", " dark", " sc"].map(|t| format!("The plot is best known for its{t}"));
    assert_eq!(texts, after);
    let expected = PHRASES.map(|p| model::measure("The plot is best known for its", p).0);
    close(&found, &expected);
}

#[test]
fn a_digit_that_is_not_listed_gets_the_bound_and_a_phrase_is_refused() {
    let server = TestServer::kind();
    let few = |s: &mut Settings| (s.likelihoods, s.top_logprobs) = (Likelihoods::NextToken, 12);
    let llm = server.llm(few);
    let listed: Vec<_> = model::next("rate: ").into_iter().take(12).collect();
    let least = listed[11].1;
    let of = |digit: &str| {
        listed
            .iter()
            .find(|(t, _)| t == digit)
            .map_or(least, |(_, v)| *v)
    };
    let missing = DIGITS
        .iter()
        .filter(|d| !listed.iter().any(|(t, _)| t == *d));
    assert!(missing.count() > 0, "the test needs one that is not listed");
    let (found, tokens) = measured(&llm, text("rate: "), &DIGITS);
    close(&found, &DIGITS.map(of));
    assert_eq!(tokens, [1; 10]);

    let message = error(&llm, likelihood(text(PROMPT), &TOKENS));
    for part in [
        "does not offer",
        "`top_logprobs`",
        "`echo`",
        "`score_json`",
        "`local`",
    ] {
        assert!(message.contains(part), "no {part} in: {message}");
    }
    assert!(
        message.starts_with("request 1 of 1, `The film is"),
        "{message}"
    );
}

const TOKENS: [&str; 8] = [
    " story", " music", " dark", " humor", " is", " its", " best", " plot",
];

#[test]
fn a_chat_is_scored_by_its_first_token() {
    let server = TestServer::kind();
    let llm = server.llm(|s| (s.likelihoods, s.top_logprobs) = (Likelihoods::Chat, 28));
    let continuations = DIGITS.map(|d| format!(" {d}"));
    let continuations: Vec<&str> = continuations.iter().map(String::as_str).collect();
    let expected = |chat: &str| {
        let listed = model::next(chat);
        let of = |d: &&str| listed.iter().find(|(t, _)| t == d).unwrap().1;
        DIGITS.iter().map(of).collect::<Vec<f64>>()
    };
    let (found, _) = measured(&llm, text("How dark?"), &continuations);
    close(&found, &expected("user: How dark?\nassistant:"));
    let (found, _) = measured(&llm, user("How dark?", "Rating:"), &continuations);
    close(&found, &expected("user: How dark?\nRating:\nassistant:"));
    let message = error(&llm, likelihood(text("How dark?"), &["yes", "no"]));
    assert!(message.contains("`answer_start`"), "{message}");
}

#[test]
fn answers_are_written_by_chats() {
    let server = TestServer::kind();
    let llm = server.llm(|_| ());
    let chat = "user: Say it.\nassistant:";
    let answer = llm.answer(&[complete(user("Say it.", ""), 6)]).unwrap();
    assert_eq!(answer, [Answer::Text(model::write(chat, 6))]);
    assert_eq!(server.calls()[0].path, "/v1/chat/completions");
    assert_eq!(
        (sent(&server, "seed"), sent(&server, "stop")),
        (Value::Null, Value::Null)
    );
    let plain = llm.answer(&[complete(text("Say it."), 6)]).unwrap();
    assert_eq!(plain, [Answer::Text(model::write("Say it.", 6))]);

    let mut request = complete(user("Say it.", ""), 6);
    let written = model::write(chat, 6);
    let end: String = written.chars().skip(3).take(2).collect();
    let kept = written.split(&end).next().unwrap().to_owned();
    request.ask = Ask::Complete {
        max_tokens: 6,
        stop: vec!["a".into(), "b".into(), "c".into(), "d".into(), end],
        temperature: 0.5,
        seed: u64::MAX,
        schema: None,
    };
    assert_eq!(llm.answer(&[request]).unwrap(), [Answer::Text(kept)]);
    assert_eq!(
        sent(&server, "stop").as_array().map(Vec::len),
        Some(4),
        "the API takes four"
    );
    assert_eq!(sent(&server, "seed"), 0x7fff_ffff);
    let mut hot = complete(text("x"), 1);
    if let Ask::Complete { temperature, .. } = &mut hot.ask {
        *temperature = f64::NAN;
    }
    assert!(error(&llm, hot).contains("temperature NaN"));
}

#[test]
fn the_form_of_an_answer_is_told_as_the_server_reads_it() {
    let schema = json!({ "type": "object", "properties": { "humor": { "type": "number" } } });
    let server = TestServer::kind();
    let told = |structured| {
        let mut request = complete(user("Rate it.", ""), 6);
        if let Ask::Complete { schema: form, .. } = &mut request.ask {
            *form = Some(schema.clone());
        }
        let llm = server.llm(|s| s.structured = structured);
        llm.answer(&[request]).unwrap();
        sent(&server, "response_format")
    };
    let strict = json!({ "name": "answer", "strict": true, "schema": schema });
    let expected = json!({ "type": "json_schema", "json_schema": strict });
    assert_eq!(told(Structured::JsonSchema), expected);
    let expected = json!({ "type": "json_object", "schema": schema });
    assert_eq!(told(Structured::JsonObject), expected);
    assert_eq!(told(Structured::None), Value::Null);
}

#[test]
fn settings_reach_the_server() {
    let server = TestServer::kind();
    let llm = server.llm(|s| {
        (s.max_tokens, s.prefill) = (Some(3), true);
        s.limit_field = "max_completion_tokens".to_owned();
        s.extra.insert("top_p".to_owned(), json!(0.5));
        s.extra.insert("temperature".to_owned(), json!(1));
    });
    llm.answer(&[complete(user("Say it.", "It is"), 6)])
        .unwrap();
    let body = server.calls().pop().unwrap().body;
    assert_eq!(
        (&body["max_completion_tokens"], &body["max_tokens"]),
        (&json!(3), &Value::Null)
    );
    assert_eq!(
        (&body["top_p"], &body["temperature"]),
        (&json!(0.5), &json!(1))
    );
    assert_eq!(
        body["messages"][1],
        json!({ "role": "assistant", "content": "It is" })
    );
    assert_eq!(body["continue_final_message"], true);
}

#[test]
fn an_answer_that_repeats_its_beginning_is_told_without() {
    let server = TestServer::start(|_, _| {
        Act::Changed(Box::new(|reply| {
            reply["choices"][0]["message"]["content"] = "{ \"humor\": 3 }".into();
        }))
    });
    let answer = server
        .llm(|_| ())
        .answer(&[complete(user("Rate.", "{"), 9)])
        .unwrap();
    assert_eq!(answer, [Answer::Text(" \"humor\": 3 }".to_owned())]);
}

#[test]
fn a_refusal_is_an_answer() {
    let server = TestServer::start(|_, _| {
        Act::Changed(Box::new(|reply| {
            reply["choices"][0]["message"] =
                json!({ "content": null, "refusal": "I would rather not." });
        }))
    });
    let answer = server
        .llm(|_| ())
        .answer(&[complete(user("Rate.", ""), 9)])
        .unwrap();
    assert_eq!(answer, [Answer::Text("I would rather not.".to_owned())]);
}

#[test]
fn calls_go_side_by_side_and_answers_keep_their_order() {
    let all_here = Arc::new(Barrier::new(3));
    let server = TestServer::start(move |_, _| {
        // Replies come when three calls are there; with fewer at a time the client would run out of time.
        all_here.wait();
        Act::Reply
    });
    let llm = server.llm(|s| s.concurrency = 3);
    let prompts: Vec<String> = (0..9).map(|i| format!("Item {i} is")).collect();
    let requests: Vec<_> = prompts.iter().map(|p| complete(text(p), 4)).collect();
    let expected: Vec<_> = prompts
        .iter()
        .map(|p| Answer::Text(model::write(p, 4)))
        .collect();
    assert_eq!(llm.answer(&requests).unwrap(), expected);
    assert_eq!(server.peak(), 3);
}

#[test]
fn a_server_without_log_probabilities_says_what_to_choose() {
    let without = |reply: &mut Value| reply["choices"][0]["logprobs"] = Value::Null;
    let silent = TestServer::start(move |_, _| Act::Changed(Box::new(without)));
    for way in [Likelihoods::Echo, Likelihoods::NextToken, Likelihoods::Chat] {
        let llm = silent.llm(|s| s.likelihoods = way);
        let message = error(&llm, likelihood(text(PROMPT), &PHRASES));
        assert!(message.contains("this server does not offer"), "{message}");
        assert!(
            message.contains("`score_json`") && message.contains("`local`"),
            "{message}"
        );
    }
    let no_echo = TestServer::start(|_, _| {
        Act::Changed(Box::new(|reply| reply["choices"][0]["text"] = " 9".into()))
    });
    let message = error(&no_echo.llm(|_| ()), likelihood(text(PROMPT), &PHRASES));
    assert!(message.contains("`next_token`"), "{message}");
    let chats_only = TestServer::start(|_, _| failure(404, "no such path"));
    let message = error(&chats_only.llm(|_| ()), likelihood(text(PROMPT), &PHRASES));
    assert!(message.contains("does not offer /completions"), "{message}");
    assert!(message.contains("no such path"), "{message}");
}

#[test]
fn values_beside_the_wrong_token_are_refused() {
    // As llama-cpp-python replies for models without a token to begin with.
    let server = TestServer::start(|_, _| {
        Act::Changed(Box::new(|reply| {
            let log_probs = &mut reply["choices"][0]["logprobs"];
            log_probs["tokens"].as_array_mut().unwrap().pop();
            log_probs["token_logprobs"]
                .as_array_mut()
                .unwrap()
                .remove(0);
        }))
    });
    let message = error(&server.llm(|_| ()), likelihood(text(PROMPT), &PHRASES));
    assert!(message.contains("shifted by one"), "{message}");
}

#[test]
fn wrong_settings_are_refused() {
    let wrong = |change: &dyn Fn(&mut Settings)| {
        let mut settings = Settings {
            model: "m".to_owned(),
            ..Settings::default()
        };
        change(&mut settings);
        make(settings).unwrap_err().to_string()
    };
    assert!(wrong(&|s| s.model.clear()).contains("`model`"));
    assert!(wrong(&|s| s.base_url = "localhost:8000".into()).contains("http://"));
    let message = wrong(&|s| s.base_url = "https://me:secret@x/v1".into());
    assert!(
        message.contains("`key_env`") && !message.contains("secret"),
        "{message}"
    );
    assert!(wrong(&|s| s.key_env = "SECRET".into()).contains("_API_KEY"));
    let message = wrong(&|s| drop(s.extra.insert("n".into(), 8.into())));
    assert!(message.contains("`extra` may not hold `n`"), "{message}");
    assert!(wrong(&|s| s.concurrency = 0).contains("`concurrency`"));
    assert!(wrong(&|s| s.max_cost = Some(1.0)).contains("`price_input_per_million`"));
    assert!(wrong(&|s| s.price_output_per_million = -1.0).contains("-1"));
}

#[test]
fn the_fingerprint_names_what_answers_depend_on() {
    let server = TestServer::kind();
    let of = |change: &dyn Fn(&mut Settings)| server.llm(change).info().unwrap().fingerprint;
    let same = of(&|_| ());
    for alike in [
        of(&|s| s.concurrency = 9),
        of(&|s| (s.timeout_s, s.retries) = (7, 0)),
        of(&|s| s.key_env = "LAPIDARY_OTHER_API_KEY".into()),
        of(&|s| s.max_total_tokens = Some(9)),
    ] {
        assert_eq!(alike, same);
    }
    for other in [
        of(&|s| s.model = "other".into()),
        of(&|s| s.likelihoods = Likelihoods::Chat),
        of(&|s| s.max_tokens = Some(9)),
        of(&|s| drop(s.extra.insert("top_p".into(), json!(0.5)))),
    ] {
        assert_ne!(other, same);
    }
}
