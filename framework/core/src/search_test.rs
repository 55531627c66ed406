#![allow(clippy::unwrap_used)]
use super::*;

fn rungs(trials: usize, epochs: u32, eta: u32, min_epochs: u32) -> Vec<(usize, u32)> {
    let settings = SearchSettings {
        trials,
        epochs,
        min_epochs,
        eta,
        ..SearchSettings::default()
    };
    let rungs = settings.rungs(trials).unwrap();
    rungs.iter().map(|r| (r.trials, r.epochs)).collect()
}

#[test]
fn rungs_are_those_of_the_published_brackets() {
    // Li et al. 2018, table 1: R = 81, eta = 3, the bracket s = 4.
    let first = [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)];
    assert_eq!(rungs(81, 81, 3, 1), first);
    // The same bracket's shape from a higher start: fewer rungs, the last with three.
    assert_eq!(rungs(27, 81, 3, 9), [(27, 9), (9, 27), (3, 81)]);
    assert_eq!(rungs(12, 40, 3, 1), [(12, 4), (4, 13), (1, 40)]);
    assert_eq!(rungs(12, 40, 3, 10), [(12, 13), (4, 40)]);
    assert_eq!(rungs(2, 40, 3, 1), [(2, 40)]);
    assert_eq!(rungs(100, 1, 2, 1), [(100, 1)]);
    let random = SearchSettings {
        method: Method::Random,
        ..SearchSettings::default()
    };
    let only = Rung {
        trials: 5,
        epochs: 40,
    };
    assert_eq!(random.rungs(5).unwrap(), [only]);
}

#[test]
fn rungs_never_lose_an_epoch_nor_grow() {
    for trials in 1..60 {
        for (epochs, eta, min_epochs) in [(1, 2, 1), (7, 2, 1), (40, 3, 2), (200, 4, 5)] {
            let rungs = rungs(trials, epochs, eta, min_epochs);
            assert_eq!(rungs[0].0, trials);
            assert_eq!(rungs[rungs.len() - 1].1, epochs);
            for pair in rungs.windows(2) {
                assert!(pair[0].1 < pair[1].1 && pair[0].0 > pair[1].0, "{rungs:?}");
            }
            assert!(rungs.iter().all(|r| r.0 >= 1 && r.1 >= min_epochs));
        }
    }
}

#[test]
fn values_out_of_range_are_refused() {
    let refused = |change: fn(&mut SearchSettings)| {
        let mut settings = SearchSettings::default();
        change(&mut settings);
        settings.rungs(4).unwrap_err().to_string()
    };
    assert_eq!(
        refused(|s| s.eta = 1),
        "search: `eta`: must be at least 2, found 1"
    );
    assert!(refused(|s| s.min_epochs = 41).starts_with("search: `min_epochs`: "));
    assert!(refused(|s| s.epochs = 0).starts_with("search: `epochs`: "));
    assert!(refused(|s| s.trials = 0).starts_with("search: `trials`: "));
}

fn space() -> Space {
    Space::read(&json!({
        "rate": {"log_uniform": [1e-4, 1e-2]}, "dropout": [0.1, 0.5], "layers": {"integer": [1, 3]},
        "alpha": {"uniform": [0.5, 2.0]}, "dim": 64
    }))
    .unwrap()
}

#[test]
fn trials_are_within_their_ranges_and_follow_the_seed() {
    let trials = space().draw(200, 3);
    assert_eq!(trials.len(), 200);
    let mut small = 0;
    for trial in &trials {
        let number = |name: &str| trial[name].as_f64().unwrap();
        assert!((1e-4..=1e-2).contains(&number("rate")));
        assert!((0.5..=2.0).contains(&number("alpha")));
        assert!([0.1, 0.5].contains(&number("dropout")) && number("dim") == 64.0);
        assert!((1..=3).contains(&trial["layers"].as_i64().unwrap()));
        small += usize::from(number("rate") < 1e-3);
    }
    // Half of the decades lie below 1e-3.
    assert!((70..130).contains(&small), "{small}");
    assert_eq!(space().draw(20, 3), trials[..20]);
    assert_ne!(space().draw(20, 4), trials[..20]);
}

#[test]
fn a_small_space_gives_each_trial_once() {
    let space = Space::read(&json!({"a": [1, 2, 3], "b": ["x", "y"]})).unwrap();
    let mut trials: Vec<String> = space
        .draw(50, 1)
        .iter()
        .map(|t| json!(t).to_string())
        .collect();
    assert_eq!(trials.len(), 6);
    trials.sort();
    trials.dedup();
    assert_eq!(trials.len(), 6);
}

#[test]
fn drawn_numbers_are_short_and_stay_in_their_range() {
    assert_eq!(short(0.000_372_849_123, 1e-4, 1e-2), 0.000_372_8);
    assert_eq!(short(1.000_14, 1.000_12, 2.0), 1.000_12);
}

#[test]
fn what_is_no_range_is_refused_by_name() {
    let refused = |value: Value| {
        let space = json!({ "rate": value });
        Space::read(&space).unwrap_err().to_string()
    };
    assert!(refused(json!({"log_unifrom": [1, 2]})).contains("did you mean `log_uniform`"));
    assert_eq!(
        refused(json!({"uniform": [2, 1]})),
        "search.space.rate: `uniform`: 2 is not below 1"
    );
    assert!(refused(json!({"log_uniform": [0, 1]})).contains("above 0"));
    assert!(refused(json!({"integer": [0.5, 2]})).contains("whole numbers"));
    assert!(refused(json!({"uniform": [1]})).contains("two numbers"));
    assert!(refused(json!({})).contains("choose from"));
    let empty = Space::read(&json!({})).unwrap_err().to_string();
    assert!(empty.starts_with("search.space: must name"), "{empty}");
}
