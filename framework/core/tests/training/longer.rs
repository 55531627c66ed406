//! Runs with more epochs that go on where one with fewer ended.

use std::path::Path;

use crate::resumption::{Told, losses, model, same, settings, split};
use crate::support::alone;
use lapidary_core::train::{Decay, History, Model, Settings, fit};

/// Settings of which the first epochs of a longer run are those of a shorter one.
fn of_length(epochs: u32) -> Settings {
    Settings {
        epochs,
        validate_every: 1,
        patience: 0,
        ..settings(1)
    }
}

fn trained(settings: &Settings, folder: Option<&Path>) -> (Model, Told, History) {
    let (mut model, mut told) = (model(0), Told::default());
    let history = fit(&mut model, &split(), settings, folder, &mut told).unwrap();
    (model, told, history)
}

#[test]
fn more_epochs_go_on_where_fewer_ended_and_fewer_never_get_more() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let shared = Some(folder.path());
    trained(&of_length(2), shared);
    let (more, told, history) = trained(&of_length(6), shared);
    assert_eq!((told.resumed, told.epochs), (2, 4));
    let (whole, _, of_whole) = trained(&of_length(6), None);
    assert!(same(&whole, &more));
    assert_eq!(losses(&history), losses(&of_whole));
    assert_eq!(history.best_epoch, of_whole.best_epoch);

    let (fewer, told, history) = trained(&of_length(3), shared);
    assert_eq!((told.resumed, told.epochs), (0, 3));
    assert_eq!(history.epochs.len(), 3);
    assert!(same(&trained(&of_length(3), None).0, &fewer));
    let (_, told, _) = trained(&of_length(7), shared);
    assert_eq!(
        (told.resumed, told.epochs),
        (6, 1),
        "the longest is still there"
    );
}

#[test]
fn what_depends_on_the_length_starts_anew() {
    let _turn = alone();
    let decaying = |epochs| Settings {
        decay: Decay::Linear,
        ..of_length(epochs)
    };
    let seldom = |epochs| Settings {
        validate_every: 2,
        ..of_length(epochs)
    };
    for (shorter, longer, resumed) in [
        (decaying(2), decaying(4), 0),
        (seldom(3), seldom(4), 0),
        (seldom(2), seldom(4), 2),
    ] {
        let folder = tempfile::tempdir().unwrap();
        trained(&shorter, Some(folder.path()));
        let (more, told, _) = trained(&longer, Some(folder.path()));
        assert_eq!(told.resumed, resumed, "{longer:?}");
        assert!(same(&trained(&longer, None).0, &more));
    }
}
