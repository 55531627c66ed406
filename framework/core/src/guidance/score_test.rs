#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Mutex;

use lapidary_sdk::kinds::{
    Answer, Ask, Attribute, LlmInfo, Problem, ProblemKind, Prompt, Reading, Request,
};
use lapidary_sdk::{Error as SdkError, Result as SdkResult, State, component::Stateful};

use super::*;
use crate::data::{Case, Sequences, SplitReport};
use crate::fingerprint::Builder;

/// Answers by arithmetic on the text, remembers what it was asked, and fails from the `budget`-th request on.
struct Fake {
    asked: Mutex<Vec<String>>,
    budget: Mutex<usize>,
}

impl Fake {
    fn new(budget: usize) -> Self {
        Self {
            asked: Mutex::default(),
            budget: Mutex::new(budget),
        }
    }
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

macro_rules! stateless {
    ($($name:ty),*) => {$(
        impl Stateful for $name {
            fn save(&self) -> SdkResult<State> {
                Ok(State::default())
            }
            fn load(&mut self, _: &State) -> SdkResult<()> {
                Ok(())
            }
        }
    )*};
}
stateless!(Fake, Plain);

impl Llm for Fake {
    fn info(&self) -> SdkResult<LlmInfo> {
        Ok(LlmInfo {
            model: "fake".to_owned(),
            fingerprint: "fake 1".to_owned(),
            context_length: 0,
            parameters: 0,
            chat: false,
        })
    }

    fn answer(&self, requests: &[Request]) -> SdkResult<Vec<Answer>> {
        let mut budget = self.budget.lock().unwrap();
        if *budget < requests.len() {
            return Err(SdkError::invalid("out of paper"));
        }
        *budget -= requests.len();
        let mut asked = self.asked.lock().unwrap();
        let answer = |request: &Request| {
            let Prompt::Text(text) = &request.prompt else {
                panic!("text")
            };
            asked.push(text.clone());
            Answer::Text(text.clone())
        };
        Ok(requests.iter().map(answer).collect())
    }
}

/// Two attributes: length of the text, and its count of `1`; texts with `mute` cannot be read.
struct Plain;

impl PromptStrategy for Plain {
    fn requests(&self, subject: &Subject) -> SdkResult<Vec<Request>> {
        let text = match subject {
            Subject::Item(item) => item.title.clone(),
            Subject::User(items) => {
                let titles: Vec<_> = items.iter().map(|i| i.title.as_str()).collect();
                titles.join("|")
            }
        };
        let ask = Ask::Complete {
            max_tokens: 1,
            stop: vec![],
            temperature: 0.0,
            seed: 0,
            schema: None,
        };
        Ok(vec![Request {
            prompt: Prompt::Text(text),
            ask,
        }])
    }

    fn read(&self, _: &Subject, answers: &[Answer]) -> SdkResult<Reading> {
        let [Answer::Text(text)] = answers else {
            panic!("one text")
        };
        let mute = text.contains("mute");
        let value = |v: usize| (!mute).then_some(v as f32);
        Ok(Reading {
            values: vec![value(text.len()), value(text.matches('1').count())],
            repaired: text.contains('7'),
            problems: Vec::from_iter(mute.then(|| Problem {
                kind: ProblemKind::NoAnswer,
                attribute: None,
                text: "no answer".to_owned(),
            })),
        })
    }

    fn calibrate(&self, raw: &Tensor, _: &Tensor) -> SdkResult<Tensor> {
        Ok(raw.shallow_clone())
    }
}

fn attributes() -> AttributeSet {
    let attribute = |name: &str| Attribute {
        name: name.to_owned(),
        description: String::new(),
        low: String::new(),
        high: String::new(),
        phrases: vec![],
    };
    AttributeSet {
        domain: "d".to_owned(),
        item: "i".to_owned(),
        items: "i".to_owned(),
        verb: "v".to_owned(),
        attributes: vec![attribute("length"), attribute("ones")],
    }
}

/// Users: 0 trains on items 0 1 2, is validated on 3 and tested on 4; 1 trains on 5, then 6 and 7; 2 has no training.
fn split() -> Split {
    Split {
        fingerprint: Builder::new("test").finish(),
        n_items: 12,
        sequences: Sequences {
            offsets: vec![0, 5, 8, 10],
            items: vec![0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        },
        train_len: vec![3, 1, 0],
        valid: vec![Case { user: 0, end: 3 }],
        test: vec![Case { user: 0, end: 4 }],
        max_len: 50,
        report: SplitReport::default(),
        cold: None,
    }
}

fn title(item: u32) -> ItemText {
    ItemText {
        title: format!("item-{item}-"),
        ..ItemText::default()
    }
}

fn score(
    llm: &dyn Llm,
    cache: &Cache,
    text: &dyn Fn(u32) -> ItemText,
    users: Users,
) -> Result<GuidedScores> {
    let scorer = Scorer {
        llm,
        strategy: &Plain,
        strategy_name: "plain 1",
        attributes: &attributes(),
        cache,
        batch: 5,
    };
    scorer.score(&split(), text, users)
}

fn rows(t: &Tensor) -> Vec<Vec<f32>> {
    Vec::try_from(t).unwrap()
}

#[test]
fn items_and_users_are_scored() {
    let (llm, cache) = (Fake::new(100), Cache::in_memory().unwrap());
    let scores = score(&llm, &cache, &title, Users::Asked).unwrap();
    let items = rows(&scores.items);
    assert_eq!(items.len(), 12);
    assert_eq!(
        (&items[1][..], &items[11][..]),
        (&[7.0, 1.0][..], &[8.0, 2.0][..])
    );
    let users = rows(scores.users.as_ref().unwrap());
    assert_eq!(users[0], [23.0, 1.0]);
    assert_eq!(users[1], [7.0, 0.0]);
    assert_eq!(users[2], [15.0, 0.5], "without a history: the mean");
    let figures = &scores.figures;
    assert_eq!((figures.items.asked, figures.items.subjects), (12, 12));
    assert_eq!(figures.items.repaired, 1);
    let of_users = figures.users.as_ref().unwrap();
    assert_eq!((of_users.subjects, of_users.asked), (2, 1));
    assert_eq!(of_users.cached, 1, "user 1 reads like item 5 alone");
    assert!((of_users.missing - 1.0 / 3.0).abs() < 1e-6);
}

#[test]
fn prompts_that_begin_alike_are_asked_together() {
    let (llm, cache) = (Fake::new(100), Cache::in_memory().unwrap());
    score(&llm, &cache, &title, Users::None).unwrap();
    assert_eq!(
        llm.asked()[..5],
        ["item-0-", "item-1-", "item-10-", "item-11-", "item-2-"]
    );
}

#[test]
fn the_model_never_sees_validation_or_test_items_of_a_user() {
    let (llm, cache) = (Fake::new(100), Cache::in_memory().unwrap());
    score(&llm, &cache, &title, Users::Asked).unwrap();
    let of_users: Vec<_> = llm
        .asked()
        .into_iter()
        .filter(|t| t.contains('|'))
        .collect();
    assert_eq!(of_users, ["item-0-|item-1-|item-2-"]);
}

#[test]
fn the_mean_of_the_history_uses_its_training_part() {
    let (llm, cache) = (Fake::new(100), Cache::in_memory().unwrap());
    let scores = score(&llm, &cache, &title, Users::HistoryMean).unwrap();
    let users = rows(&scores.users.unwrap());
    assert!((users[0][1] - 1.0 / 3.0).abs() < 1e-6);
    assert_eq!(users[1], [7.0, 0.0]);
    assert_eq!(llm.asked().len(), 12);
    assert!(scores.figures.users.is_none());
    let none = score(&llm, &cache, &title, Users::None).unwrap();
    assert!(none.users.is_none());
}

#[test]
fn an_interrupted_scoring_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.sqlite");
    let first = Fake::new(11);
    let failed = score(&first, &Cache::open(&path).unwrap(), &title, Users::None);
    let message = failed.unwrap_err().to_string();
    assert!(message.contains("out of paper"), "{message}");
    assert_eq!(first.asked().len(), 10, "two whole batches");
    let second = Fake::new(2);
    let scores = score(&second, &Cache::open(&path).unwrap(), &title, Users::None).unwrap();
    assert_eq!(
        (scores.figures.items.asked, scores.figures.items.cached),
        (2, 10)
    );
    let again = first
        .asked()
        .iter()
        .filter(|t| second.asked().contains(t))
        .count();
    assert_eq!(again, 0);
    let whole = score(
        &Fake::new(12),
        &Cache::in_memory().unwrap(),
        &title,
        Users::None,
    )
    .unwrap();
    assert!(scores.items.equal(&whole.items));
}

#[test]
fn equal_requests_are_asked_once() {
    let same = |item: u32| title(item % 3);
    let llm = Fake::new(100);
    let scores = score(&llm, &Cache::in_memory().unwrap(), &same, Users::None).unwrap();
    assert_eq!(
        (scores.figures.items.asked, scores.figures.items.cached),
        (3, 9)
    );
    assert_eq!(llm.asked().len(), 3);
}

#[test]
fn what_cannot_be_read_is_replaced_by_the_mean_and_counted() {
    let text = |item: u32| match item {
        0 | 1 => ItemText {
            title: format!("mute {item}"),
            ..ItemText::default()
        },
        other => title(other),
    };
    let scores = score(
        &Fake::new(100),
        &Cache::in_memory().unwrap(),
        &text,
        Users::None,
    )
    .unwrap();
    let items = rows(&scores.items);
    assert!((items[0][0] - 7.2).abs() < 1e-5 && items[0] == items[1]);
    let tally = &scores.figures.items;
    assert_eq!((tally.unread, tally.problems.len()), (2, 2));
    assert_eq!(tally.problems[0], "“mute 0”: no answer");
    assert_eq!(
        Vec::from_iter(&tally.by_kind),
        [(&ProblemKind::NoAnswer, &2)]
    );
    assert!((tally.missing - 2.0 / 12.0).abs() < 1e-6);
}

#[test]
fn scores_of_which_none_could_be_read_are_refused() {
    let mute = |item: u32| ItemText {
        title: format!("mute {item}"),
        ..ItemText::default()
    };
    let result = score(
        &Fake::new(100),
        &Cache::in_memory().unwrap(),
        &mute,
        Users::None,
    );
    let message = result.unwrap_err().to_string();
    assert!(message.contains("not one score of the items"), "{message}");
    assert!(message.contains("“mute 0”: no answer"), "{message}");
}

#[test]
fn scores_survive_storing() {
    let cache = Cache::in_memory().unwrap();
    let scores = score(&Fake::new(100), &cache, &title, Users::Asked).unwrap();
    let back = GuidedScores::from_content(&scores.to_content().unwrap()).unwrap();
    assert!(back.items.equal(&scores.items));
    assert!(back.users.unwrap().equal(scores.users.as_ref().unwrap()));
    assert_eq!(
        (back.attributes, back.figures),
        (scores.attributes.clone(), scores.figures.clone())
    );
    let mut content = scores.to_content().unwrap();
    content.tensors[0].1 = Tensor::zeros([12, 3], (Kind::Float, tch::Device::Cpu));
    let message = GuidedScores::from_content(&content)
        .unwrap_err()
        .to_string();
    assert!(message.contains("f32 [N,2]"), "{message}");
}

#[path = "measure_test.rs"]
mod measuring;
