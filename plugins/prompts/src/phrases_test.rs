#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::fixtures::{context, film};

fn strategy(change: impl Fn(&mut Settings)) -> ScorePhrases {
    let mut settings = Settings::default();
    change(&mut settings);
    ScorePhrases::create(settings, context()).unwrap()
}

fn refused(change: impl Fn(&mut Settings)) -> String {
    let mut settings = Settings::default();
    change(&mut settings);
    ScorePhrases::create(settings, context())
        .err()
        .unwrap()
        .to_string()
}

fn raw(rows: i64, columns: i64) -> Tensor {
    tch::manual_seed(7);
    Tensor::randn([rows, columns], (DType::Float, Device::Cpu)) * 3.0 - 10.0
}

fn close(a: &Tensor, b: &Tensor) -> bool {
    a.allclose(b, 1e-4, 1e-4, true)
}

#[test]
fn an_item_is_asked_about_with_all_phrases_at_once() {
    let mut item = film("Matrix, The", "1999");
    item.categories = vec!["Action".to_owned(), "Sci-Fi".to_owned()];
    let requests = strategy(|_| ()).requests(&Subject::Item(item)).unwrap();
    let text = "The Action, Sci-Fi movie \"The Matrix (1999)\" is best known for its";
    let [request] = requests.as_slice() else {
        panic!("one")
    };
    assert_eq!(request.prompt, Prompt::Text(text.to_owned()));
    let phrases = [
        " humor",
        " jokes",
        " horror",
        " plot twists",
        " puzzles",
        " layers",
    ];
    let continuations = phrases.map(str::to_owned).to_vec();
    assert_eq!(request.ask, Ask::Likelihood { continuations });
}

#[test]
fn its_own_words_are_told_each_after_what_stands_before() {
    let history = vec![film("Up", "2009"), film("Heat", "")];
    let own = strategy(|_| ()).own_text(&Subject::User(history)).unwrap();
    let [request] = own.as_slice() else {
        panic!("one")
    };
    let before = "Someone who watched \"Up (2009)\" and \"Heat\"";
    assert_eq!(request.prompt, Prompt::Text(before.to_owned()));
    let continuations = vec![" likes movies known for their".to_owned()];
    assert_eq!(request.ask, Ask::Likelihood { continuations });
    let item = Subject::Item(film("Up", "2009"));
    let own = strategy(|_| ()).own_text(&item).unwrap();
    let pieces: Vec<(String, String)> = own
        .into_iter()
        .map(|request| match (request.prompt, request.ask) {
            (Prompt::Text(before), Ask::Likelihood { mut continuations }) => {
                (before, continuations.remove(0))
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let piece = |before: &str, own: &str| (before.to_owned(), own.to_owned());
    let expected = [
        piece("The movie \"Up", " ("),
        piece("The movie \"Up (2009", ")\" is best known for its"),
    ];
    assert_eq!(pieces, expected);
}

#[test]
fn measuring_carries_gradients_and_divides_by_tokens_where_told() {
    let tokens = Tensor::from_slice(&[1i64, 2, 3, 1, 2, 3]).view([1, 6]);
    let whole = raw(1, 6).set_requires_grad(true);
    let measured = strategy(|_| ()).measure(&whole, &tokens).unwrap();
    assert!(measured.equal(&whole));
    let each = strategy(|s| s.per_token = true);
    let measured = each.measure(&whole, &tokens).unwrap();
    measured.sum(DType::Float).backward();
    let expected = Tensor::from_slice(&[1.0f32, 0.5, 1.0 / 3.0, 1.0, 0.5, 1.0 / 3.0]);
    assert!(close(&whole.grad(), &expected.view([1, 6])));

    // A score moves with each of its own phrases, and not with those of a reference.
    let (raw, reference) = (raw(2, 6).set_requires_grad(true), raw(9, 6));
    let scores = strategy(|_| ()).calibrate(&raw, &reference).unwrap();
    scores.get(0).get(1).backward();
    let gradient = raw.grad();
    assert!(gradient.get(0).get(2).double_value(&[]) > 0.0);
    assert!(
        gradient.get(0).get(0).double_value(&[]) < 0.0,
        "the subject's mean is taken away"
    );
    assert_eq!(gradient.get(1).abs().max().double_value(&[]), 0.0);
}

#[test]
fn what_an_item_lacks_is_left_out() {
    let requests = strategy(|_| ())
        .requests(&Subject::Item(film("Up", "")))
        .unwrap();
    let text = "The movie \"Up\" is best known for its";
    assert_eq!(requests[0].prompt, Prompt::Text(text.to_owned()));
}

#[test]
fn a_user_is_told_by_the_most_recent_items() {
    let user = Subject::User(vec![film("A", "1"), film("B", "2"), film("C", "3")]);
    let requests = strategy(|s| s.history = 2).requests(&user).unwrap();
    let text = "Someone who watched \"B (2)\" and \"C (3)\" likes movies known for their";
    assert_eq!(requests[0].prompt, Prompt::Text(text.to_owned()));
}

#[test]
fn each_template_is_a_request_and_its_likelihoods_are_measurements() {
    let strategy = strategy(|s| {
        s.item_templates = vec!["{title} has ".to_owned(), "In {title}".to_owned()];
        s.per_token = true;
    });
    let item = Subject::Item(film("Up", ""));
    let requests = strategy.requests(&item).unwrap();
    assert_eq!(requests[0].prompt, Prompt::Text("Up has".to_owned()));
    assert_eq!(requests.len(), 2);
    let answer = |first: f64| Answer::Likelihood {
        log_probs: vec![first, -2.0, -3.0, -4.0, -5.0, f64::NEG_INFINITY],
        tokens: vec![1, 1, 1, 2, 1, 1],
    };
    let found = strategy.read(&item, &[answer(-1.0), answer(-9.0)]).unwrap();
    assert_eq!(found.values.len(), 12);
    assert_eq!((found.values[3], found.values[6]), (Some(-2.0), Some(-9.0)));
    assert_eq!(found.values[5], None);
    let [problem] = &found.problems[..] else {
        panic!("one problem")
    };
    assert_eq!(problem.kind, ProblemKind::NoLikelihood);
    assert_eq!(problem.text, "2 likelihoods are no numbers");
}

#[test]
fn a_score_is_the_mean_over_an_attributes_phrases_and_templates() {
    let strategy = strategy(|s| (s.scale, s.centre_subjects) = (false, false));
    let raw = raw(5, 12);
    let scores = strategy.calibrate(&raw, &raw).unwrap();
    let centred = &raw - raw.mean_dim([0].as_slice(), true, DType::Float);
    let columns = |of: &[i64]| {
        let index = Tensor::from_slice(of);
        centred
            .index_select(1, &index)
            .mean_dim([1].as_slice(), false, DType::Float)
    };
    assert!(close(&scores.select(1, 0), &columns(&[0, 1, 6, 7])));
    assert!(close(&scores.select(1, 1), &columns(&[2, 8])));
    assert!(close(&scores.select(1, 2), &columns(&[3, 4, 5, 9, 10, 11])));
}

#[test]
fn a_phrase_that_is_likelier_for_all_changes_nothing() {
    let (strategy, raw) = (strategy(|_| ()), raw(8, 6));
    let shift = Tensor::from_slice(&[5.0f32, -3.0, 0.0, 100.0, -40.0, 1.0]);
    let shifted = &raw + &shift;
    let before = strategy.calibrate(&raw, &raw).unwrap();
    assert!(close(
        &strategy.calibrate(&shifted, &shifted).unwrap(),
        &before
    ));
}

#[test]
fn a_title_that_makes_all_phrases_likelier_changes_nothing() {
    // Without scaling the rows' own means go exactly; scaling weighs phrases anew.
    let (strategy, raw) = (strategy(|s| s.scale = false), raw(8, 6));
    let shift = Tensor::randn([8, 1], (DType::Float, Device::Cpu)) * 10.0;
    let shifted = &raw + &shift;
    let before = strategy.calibrate(&raw, &raw).unwrap();
    assert!(close(
        &strategy.calibrate(&shifted, &shifted).unwrap(),
        &before
    ));
    assert!(
        before
            .sum_dim_intlist([1].as_slice(), false, DType::Float)
            .abs()
            .max()
            .double_value(&[])
            < 1e-4
    );
}

#[test]
fn the_order_of_items_goes_with_their_scores() {
    let (strategy, raw) = (strategy(|_| ()), raw(6, 6));
    let order = Tensor::from_slice(&[3i64, 0, 5, 1, 4, 2]);
    let mixed = raw.index_select(0, &order);
    let scores = strategy.calibrate(&raw, &raw).unwrap();
    assert!(close(
        &strategy.calibrate(&mixed, &mixed).unwrap(),
        &scores.index_select(0, &order)
    ));
    // A subject's score does not depend on who is scored beside it, only on the reference.
    let one = strategy.calibrate(&raw.narrow(0, 2, 1), &raw).unwrap();
    assert!(close(&one, &scores.narrow(0, 2, 1)));
}

#[test]
fn gaps_are_left_out_of_every_mean() {
    let strategy = strategy(|_| ());
    let raw = raw(6, 6);
    let holed = raw.copy();
    let _ = holed.get(1).get(0).fill_(f64::NAN);
    let _ = holed.get(4).fill_(f64::NAN);
    let scores = strategy.calibrate(&holed, &holed).unwrap();
    let finite = scores.isfinite().all_dim(1, false);
    assert_eq!(
        Vec::<bool>::try_from(finite).unwrap(),
        [true, true, true, true, false, true]
    );
    // Row 4 counts for nothing: the others score as if it were not there.
    let others = Tensor::from_slice(&[0i64, 1, 2, 3, 5]);
    let alone = holed.index_select(0, &others);
    let expected = strategy.calibrate(&alone, &alone).unwrap();
    assert!(close(&scores.index_select(0, &others), &expected));
}

#[test]
fn a_phrase_that_says_the_same_of_all_counts_as_0() {
    let raw = raw(6, 6);
    let _ = raw.select(1, 2).fill_(-13.7);
    let scores = strategy(|s| s.centre_subjects = false)
        .calibrate(&raw, &raw)
        .unwrap();
    assert_eq!(scores.select(1, 1).abs().max().double_value(&[]), 0.0);
}

#[test]
fn wrong_settings_answers_and_shapes_are_refused() {
    assert!(
        refused(|s| s.item_templates.clear()).starts_with("`item_templates`: give at least one")
    );
    assert!(
        refused(|s| s.item_templates = vec!["{tile}".to_owned()])
            .ends_with("did you mean `{title}`?")
    );
    assert!(refused(|s| s.history = 0).starts_with("`history`"));
    let (strategy, item) = (strategy(|_| ()), Subject::Item(film("Up", "")));
    assert!(
        strategy
            .read(&item, &[Answer::Text("x".to_owned())])
            .is_err()
    );
    let short = Answer::Likelihood {
        log_probs: vec![-1.0; 5],
        tokens: vec![1; 5],
    };
    assert!(strategy.read(&item, &[short]).is_err());
    assert!(strategy.calibrate(&raw(3, 7), &raw(3, 7)).is_err());
    assert!(strategy.calibrate(&raw(3, 6), &raw(3, 12)).is_err());
    let mut bare = context();
    bare.attributes.attributes[1].phrases.clear();
    let message = ScorePhrases::create(Settings::default(), bare)
        .err()
        .unwrap()
        .to_string();
    assert!(message.contains("`scares` has no phrases"), "{message}");
}
