//! Asking in batches beside other processes.

use std::cell::Cell;

use super::*;

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
