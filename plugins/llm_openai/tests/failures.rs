//! Servers that are busy, slow, broken or gone; caps; the key.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use common::{Act, TestServer, complete, error, failure, make, model, text};
use lapidary_llm_openai::Settings;
use lapidary_sdk::prelude::*;

fn requests(n: usize) -> Vec<Request> {
    (0..n)
        .map(|i| complete(text(&format!("Item {i} is")), 4))
        .collect()
}

fn expected(i: usize) -> Answer {
    Answer::Text(model::write(&format!("Item {i} is"), 4))
}

#[test]
fn a_busy_server_is_left_alone_as_long_as_it_wishes() {
    let server = TestServer::start(|number, _| match number {
        0 => Act::Status(429, "Retry-After: 2\r\n", "{}".to_owned()),
        _ => Act::Reply,
    });
    let begin = Instant::now();
    let answers = server.llm(|_| ()).answer(&requests(1)).unwrap();
    assert!(begin.elapsed() >= Duration::from_secs(2));
    assert_eq!(answers, [expected(0)]);
    assert_eq!(server.calls().len(), 2);
}

#[test]
fn a_server_that_wants_hours_is_not_waited_for() {
    let server =
        TestServer::start(|_, _| Act::Status(429, "Retry-After: 7200\r\n", "{}".to_owned()));
    let message = error(&server.llm(|_| ()), requests(1).remove(0));
    assert!(
        message.contains("429") && message.contains("7200 s"),
        "{message}"
    );
    assert_eq!(server.calls().len(), 1);
}

#[test]
fn a_server_that_stumbles_is_asked_again() {
    let server = TestServer::start(|number, _| match number {
        0 => failure(500, "out of cheese"),
        _ => Act::Reply,
    });
    assert_eq!(
        server.llm(|_| ()).answer(&requests(1)).unwrap(),
        [expected(0)]
    );
    let stubborn = TestServer::start(|_, _| failure(500, "out of cheese"));
    let message = error(&stubborn.llm(|s| s.retries = 1), requests(1).remove(0));
    for part in ["500", "out of cheese", "tried 2 times", "/v1/completions"] {
        assert!(message.contains(part), "no {part} in: {message}");
    }
    assert_eq!(stubborn.calls().len(), 2);
}

#[test]
fn what_asking_again_cannot_mend_is_asked_once() {
    for (status, words, advice) in [
        (400, "the context holds 4096 tokens", "4096"),
        (401, "no key", "LAPIDARY_UNSET_API_KEY"),
        (429, "insufficient_quota", "insufficient_quota"),
    ] {
        let server = TestServer::start(move |_, _| failure(status, words));
        let message = error(&server.llm(|_| ()), requests(1).remove(0));
        assert!(
            message.contains(words) && message.contains(advice),
            "{message}"
        );
        assert_eq!(server.calls().len(), 1, "{status}");
    }
    let moved = TestServer::start(|_, _| {
        Act::Status(308, "Location: https://elsewhere/v1\r\n", String::new())
    });
    let message = error(&moved.llm(|_| ()), requests(1).remove(0));
    assert!(message.contains("https://elsewhere/v1"), "{message}");
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let server = TestServer::start(|_, _| Act::Hang);
    let llm = server.llm(|s| (s.timeout_s, s.retries) = (1, 1));
    let message = error(&llm, requests(1).remove(0));
    assert!(
        message.contains("within 1 s") && message.contains("`timeout_s`"),
        "{message}"
    );
    assert_eq!(server.calls().len(), 2);
}

#[test]
fn a_reply_that_is_none_is_shown_and_counts_as_paid() {
    let server = TestServer::start(|_, _| Act::Status(200, "", "<html>Welcome!</html>".to_owned()));
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("spent.jsonl").display().to_string();
    let llm = server.llm(|s| s.ledger.clone_from(&ledger));
    let message = error(&llm, requests(1).remove(0));
    assert!(message.contains("<html>Welcome!</html>"), "{message}");
    assert_eq!(server.calls().len(), 1);
    assert_eq!(std::fs::read_to_string(&ledger).unwrap().lines().count(), 1);
    let empty = TestServer::start(|_, _| Act::Status(200, "", r#"{"choices": []}"#.to_owned()));
    let message = error(&empty.llm(|_| ()), requests(1).remove(0));
    assert!(message.contains("holds no answer"), "{message}");
}

#[test]
fn a_server_that_dies_in_the_middle_costs_nothing_already_answered() {
    let served = AtomicUsize::new(0);
    let server = TestServer::start(move |_, _| match served.fetch_add(1, Ordering::SeqCst) {
        0..5 => Act::Reply,
        _ => Act::Die,
    });
    let llm = server.llm(|s| (s.concurrency, s.retries) = (2, 0));
    let some = llm.answer_some(&requests(12)).unwrap();
    assert_eq!(some.answers.len(), 12);
    let given: Vec<_> = (0..12).filter(|&i| some.answers[i].is_some()).collect();
    assert_eq!(given.len(), 5);
    for i in given {
        assert_eq!(some.answers[i], Some(expected(i)));
    }
    let message = some.error.unwrap();
    assert!(message.contains("does the server run"), "{message}");
    let calls = server.calls().len();
    assert!(
        calls <= 7,
        "{calls} calls: after a failure nothing more is begun"
    );
    assert!(
        llm.answer(&requests(12)).is_err(),
        "an error concerns the whole batch"
    );
}

#[test]
fn where_nobody_listens_says_so() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let settings = Settings {
        base_url: base_url.clone(),
        model: "tiny".to_owned(),
        retries: 0,
        ..Settings::default()
    };
    let message = error(&make(settings).unwrap(), requests(1).remove(0));
    assert!(
        message.contains(&base_url) && message.contains("`base_url`"),
        "{message}"
    );
}

#[test]
fn https_is_spoken() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let settings = Settings {
        base_url: format!("https://{}/v1", listener.local_addr().unwrap()),
        model: "tiny".to_owned(),
        retries: 0,
        ..Settings::default()
    };
    let first = std::thread::spawn(move || {
        let mut byte = [0];
        listener.accept().unwrap().0.read_exact(&mut byte).unwrap();
        byte[0]
    });
    let message = error(&make(settings).unwrap(), requests(1).remove(0));
    assert!(message.contains("https://127.0.0.1"), "{message}");
    assert_eq!(first.join().unwrap(), 0x16, "a TLS handshake");
}

#[test]
fn the_cap_stops_and_the_ledger_outlives_the_process() {
    let server = TestServer::kind();
    let folder = tempfile::tempdir().unwrap();
    let ledger = folder.path().join("spent.jsonl").display().to_string();
    let capped = |cap: u64| {
        server.llm(|s| {
            (s.max_total_tokens, s.concurrency) = (Some(cap), 1);
            (s.price_input_per_million, s.price_output_per_million) = (2.0, 4.0);
            s.ledger.clone_from(&ledger);
        })
    };
    let some = capped(150).answer_some(&requests(9)).unwrap();
    let given = some.answers.iter().flatten().count();
    assert!((1..9).contains(&given), "{given} answers");
    let message = some.error.unwrap();
    assert!(
        message.contains("`max_total_tokens` 150") && message.contains("spent.jsonl"),
        "{message}"
    );

    let text = std::fs::read_to_string(&ledger).unwrap();
    let entries: Vec<serde_json::Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(entries.len(), given);
    let read = model::tokens("Item 0 is").len() as f64;
    assert_eq!(entries[0]["input_tokens"], read as u64);
    assert_eq!(entries[0]["output_tokens"], 4);
    assert_eq!(entries[0]["cost"], (2.0 * read + 16.0) / 1e6);

    let calls = server.calls().len();
    assert!(
        capped(150).answer(&requests(1)).is_err(),
        "what an earlier run spent counts"
    );
    assert_eq!(server.calls().len(), calls, "and nothing was sent");
    let all = capped(100_000).answer(&requests(9)).unwrap();
    assert_eq!(all[8], expected(8));
}

#[test]
fn money_has_a_cap_too() {
    let server = TestServer::kind();
    let llm = server.llm(|s| {
        s.price_output_per_million = 1e6;
        (s.max_cost, s.concurrency) = (Some(11.0), 1);
    });
    let some = llm.answer_some(&requests(9)).unwrap();
    assert_eq!(
        some.answers.iter().flatten().count(),
        2,
        "of four tokens each, at 1 a token"
    );
    let message = some.error.unwrap();
    assert!(message.contains("`max_cost` 11"), "{message}");
}

const KEY: &str = "sk-LAPIDARY-do-not-show";
const KEY_ENV: &str = "LAPIDARY_TEST_API_KEY";

/// The body of the next test's other process, in which the key is set; does nothing when run by itself.
#[test]
fn with_a_key() {
    let Ok(folder) = std::env::var("LAPIDARY_TEST_FOLDER") else {
        return;
    };
    let server = TestServer::start(|number, call| {
        let sent = call.headers.join("\n");
        match number {
            0 => Act::Reply,
            1 => failure(401, &sent),
            2 => Act::Status(200, "", sent),
            // The key lies where a message is cut.
            3 => failure(401, &format!("{}{KEY}", "x".repeat(290))),
            _ => Act::Status(308, "Location: https://elsewhere/v1\r\n", sent),
        }
    });
    let llm = server.llm(|s| {
        s.key_env = KEY_ENV.to_owned();
        s.ledger = format!("{folder}/spent.jsonl");
        s.concurrency = 1;
    });
    llm.answer(&requests(1)).unwrap();
    let header = format!("Authorization: Bearer {KEY}");
    let headers = &server.calls()[0].headers;
    assert!(
        headers.iter().any(|h| h.eq_ignore_ascii_case(&header)),
        "{headers:?}"
    );
    let mut shown = vec![format!("{llm:?}"), llm.info().unwrap().fingerprint];
    for _ in 0..4 {
        let message = error(&llm, requests(1).remove(0));
        shown.push(message);
    }
    assert!(shown[2].contains("[key]"), "{}", shown[2]);
    shown.push(std::fs::read_to_string(format!("{folder}/spent.jsonl")).unwrap());
    for text in shown {
        println!("{text}");
        assert!(!text.contains(&KEY[..10]));
    }
    let mut settings = Settings {
        model: "m".to_owned(),
        key_env: KEY_ENV.to_owned(),
        base_url: "http://192.0.2.1/v1".to_owned(),
        ..Settings::default()
    };
    let message = make(settings.clone()).unwrap_err().to_string();
    assert!(message.contains("192.0.2.1 in clear"), "{message}");
    for safe in [
        "https://192.0.2.1/v1",
        "http://[::1]:8000/v1",
        "http://localhost/v1",
    ] {
        settings.base_url = safe.to_owned();
        assert!(make(settings.clone()).is_ok(), "{safe}");
    }
}

#[test]
fn the_key_is_sent_and_shown_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "with_a_key", "--nocapture"])
        .env(KEY_ENV, KEY)
        .env("LAPIDARY_TEST_FOLDER", folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{printed}{errors}");
    assert!(
        printed.contains("[key]"),
        "the other process did run: {printed}"
    );
    assert!(!printed.contains(KEY) && !errors.contains(KEY));
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
        assert!(!text.contains(KEY));
    }
}
