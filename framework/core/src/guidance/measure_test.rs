//! Asking in batches beside other processes.

use std::cell::Cell;

use lapidary_sdk::kinds::Answers;

use super::*;

/// Answers of each batch all but the last request, then the line is dead.
struct Dying(Fake);
stateless!(Dying);

impl Llm for Dying {
    fn info(&self) -> SdkResult<LlmInfo> {
        self.0.info()
    }

    fn answer(&self, _: &[Request]) -> SdkResult<Vec<Answer>> {
        Err(SdkError::invalid("the host asks for some"))
    }

    fn answer_some(&self, requests: &[Request]) -> SdkResult<Answers> {
        let (_, first) = requests.split_last().unwrap();
        let mut answers: Vec<_> = self.0.answer(first)?.into_iter().map(Some).collect();
        answers.push(None);
        Ok(Answers {
            answers,
            error: Some("the line is dead".to_owned()),
        })
    }
}

#[test]
fn what_was_answered_before_a_failure_is_kept() {
    let cache = Cache::in_memory().unwrap();
    let dying = Dying(Fake::new(100));
    let failed = score(&dying, &cache, &title, Users::None).unwrap_err();
    assert!(failed.to_string().contains("the line is dead"), "{failed}");
    assert_eq!(dying.0.asked().len(), 4, "of the first batch of five");
    let second = Fake::new(8);
    score(&second, &cache, &title, Users::None).unwrap();
    let asked = second.asked();
    assert!(dying.0.asked().iter().all(|t| !asked.contains(t)));
}

#[test]
fn what_another_process_was_answered_meanwhile_is_not_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("answers.sqlite");
    let met = Cell::new(false);
    // The first four items wait for their batch when another process goes through all of them.
    let text = |item: u32| {
        if item == 4 && !met.replace(true) {
            let (other, cache) = (Fake::new(12), Cache::open(&path).unwrap());
            score(&other, &cache, &title, Users::None).unwrap();
        }
        title(item)
    };
    let mine = Fake::new(0);
    let scores = score(&mine, &Cache::open(&path).unwrap(), &text, Users::None).unwrap();
    let tally = &scores.figures.items;
    assert_eq!((tally.asked, tally.cached), (0, 12));
}
