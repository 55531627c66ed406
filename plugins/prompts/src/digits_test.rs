#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::fixtures::{context, film};

fn strategy(change: impl Fn(&mut Settings)) -> ScoreDigits {
    let mut settings = Settings::default();
    change(&mut settings);
    ScoreDigits::create(settings, context()).unwrap()
}

fn answer(log_probs: [f64; 10]) -> Answer {
    Answer::Likelihood {
        log_probs: log_probs.to_vec(),
        tokens: vec![1; 10],
    }
}

#[test]
fn each_attribute_is_asked_about_on_its_own() {
    let requests = strategy(|_| ())
        .requests(&Subject::Item(film("Up", "2009")))
        .unwrap();
    assert_eq!(requests.len(), 3);
    let Prompt::Text(text) = &requests[2].prompt else {
        panic!("text")
    };
    assert_eq!(
        text,
        "The movie \"Up (2009)\" is rated for plot complexity. How much plot_complexity. 0 means none, 9 means plenty.\n\
         Rating from 0 to 9:"
    );
    let Ask::Likelihood { continuations } = &requests[2].ask else {
        panic!("likelihood")
    };
    assert_eq!(
        (continuations[0].as_str(), continuations[9].as_str()),
        (" 0", " 9")
    );
}

#[test]
fn in_a_chat_the_answer_is_begun() {
    let user = Subject::User(vec![film("Up", "2009")]);
    let requests = strategy(|s| s.chat = true).requests(&user).unwrap();
    let Prompt::Chat {
        messages,
        answer_start,
    } = &requests[0].prompt
    else {
        panic!("chat")
    };
    assert!(
        messages[0]
            .content
            .starts_with("Someone watched \"Up (2009)\".")
    );
    assert_eq!(answer_start, "Rating from 0 to 9:");
}

#[test]
fn the_score_is_the_expected_digit_over_9() {
    let sure = |digit: usize| {
        let mut log_probs = [-1000.0; 10];
        log_probs[digit] = -0.1;
        answer(log_probs)
    };
    let even = answer([-700.0; 10]);
    let item = Subject::Item(film("Up", ""));
    let found = strategy(|_| ())
        .read(&item, &[sure(9), sure(0), even])
        .unwrap();
    assert_eq!(found.values, [Some(1.0), Some(0.0), Some(0.5)]);
    // Odds of 3 to 1 for 8 against 4.
    let mut log_probs = [f64::NEG_INFINITY; 10];
    (log_probs[8], log_probs[4]) = (0.75f64.ln(), 0.25f64.ln());
    let found = strategy(|_| ())
        .read(&item, &[answer(log_probs), sure(0), sure(0)])
        .unwrap();
    assert!((found.values[0].unwrap() - 7.0 / 9.0).abs() < 1e-6);
}

#[test]
fn likelihoods_that_are_no_numbers_are_a_problem() {
    let item = Subject::Item(film("Up", ""));
    let lost = answer([f64::NEG_INFINITY; 10]);
    let found = strategy(|_| ())
        .read(&item, &[answer([0.0; 10]), lost, answer([f64::NAN; 10])])
        .unwrap();
    assert_eq!(found.values, [Some(0.5), None, None]);
    let [problem] = &found.problems[..] else {
        panic!("one problem")
    };
    assert_eq!(problem.kind, ProblemKind::NoLikelihood);
    assert_eq!(problem.text, "2 likelihoods are no numbers");
}

#[test]
fn subjects_are_centred_where_told() {
    let raw = Tensor::from_slice2(&[[0.2f32, 0.4, 0.9], [f32::NAN, 0.4, 0.6]]);
    assert!(
        strategy(|_| ())
            .calibrate(&raw, &raw)
            .unwrap()
            .allclose(&raw, 0.0, 0.0, true)
    );
    let centred = strategy(|s| s.centre_subjects = true)
        .calibrate(&raw, &raw)
        .unwrap();
    let wanted = Tensor::from_slice2(&[[-0.3f32, -0.1, 0.4], [f32::NAN, -0.1, 0.1]]);
    assert!(centred.allclose(&wanted, 1e-5, 1e-6, true));
}

#[test]
fn answers_of_another_sort_are_refused() {
    let item = Subject::Item(film("Up", ""));
    let text = || Answer::Text("5".to_owned());
    assert!(
        strategy(|_| ())
            .read(&item, &[text(), text(), text()])
            .is_err()
    );
    assert!(strategy(|_| ()).read(&item, &[answer([0.0; 10])]).is_err());
}

#[test]
fn measuring_is_reading_with_gradients() {
    let log_probs = (0..30)
        .map(|i| -0.1 - f64::from((i * 7) % 13))
        .collect::<Vec<_>>();
    let answers: Vec<Answer> = log_probs
        .chunks(10)
        .map(|part| answer(part.try_into().unwrap()))
        .collect();
    let strategy = strategy(|_| ());
    let reading = strategy.read(&Subject::User(Vec::new()), &answers).unwrap();
    let read: Vec<f32> = reading.values.into_iter().flatten().collect();
    let values: Vec<f32> = log_probs.iter().map(|&v| v as f32).collect();
    let log_probs = Tensor::from_slice(&values)
        .view([1, 30])
        .set_requires_grad(true);
    let measured = strategy
        .measure(&log_probs, &log_probs.ones_like())
        .unwrap();
    assert!(
        measured
            .detach()
            .view(-1)
            .allclose(&Tensor::from_slice(&read), 1e-5, 1e-6, false)
    );
    measured.get(0).get(1).backward();
    let gradient = log_probs.grad().view([3, 10]);
    assert!(gradient.get(1).get(9).double_value(&[]) > 0.0);
    assert_eq!(gradient.get(0).abs().max().double_value(&[]), 0.0);
}

#[test]
fn its_own_words_are_what_the_answer_begins_with() {
    let item = Subject::Item(film("Up", "2009"));
    let own = strategy(|s| s.chat = true).own_text(&item).unwrap();
    let (Prompt::Chat { answer_start, .. }, Ask::Likelihood { continuations }) =
        (&own[0].prompt, &own[0].ask)
    else {
        panic!("a chat")
    };
    assert_eq!((own.len(), answer_start.as_str()), (3, ""));
    assert_eq!(continuations, &["Rating from 0 to 9:"]);
    let none = strategy(|s| s.answer_start = "{attribute}".to_owned());
    let own = none.own_text(&item).unwrap();
    let Ask::Likelihood { continuations } = &own[2].ask else {
        panic!("likelihoods")
    };
    assert_eq!(continuations, &["\nplot complexity"]);
}
