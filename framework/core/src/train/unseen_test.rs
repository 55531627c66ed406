#![allow(clippy::unwrap_used)]

use super::*;
use crate::data::{Cold, Split};
use crate::refine::{Embedding, Guided, Scoring, UserGuidance};
use crate::train::tests::support::{Linear, alone, circles, embedding, leave_one_out};
use crate::train::{LossKind, Settings, Silent, fit};

/// The split, with two more items that are held out.
fn with_two_held_out(mut split: Split) -> Split {
    let items = split.n_items as u32;
    split.n_items += 2;
    let cases = Box::new(split.clone());
    split.cold = Some(Cold {
        items: vec![items, items + 1],
        cases,
    });
    split
}

fn first(table: &Tensor, rows: i64) -> Tensor {
    table.narrow(0, 0, rows).copy()
}

fn trained(embedding: &Embedding, split: &Split, settings: &Settings) -> (Model, Vec<f64>) {
    let mut model = Model::new(embedding, Linear::boxed(8), split.max_len, Device::Cpu).unwrap();
    let history = fit(&mut model, split, settings, None, &mut Silent).unwrap();
    let figures = history.epochs.iter().flat_map(|e| {
        let validation = e.validation.iter().map(|(_, value)| *value);
        std::iter::once(e.loss).chain(validation)
    });
    (model, figures.collect())
}

#[test]
fn training_with_items_held_out_is_training_without_them() {
    let _turn = alone();
    let split = leave_one_out(&circles(30, 12, 6), 12, 6);
    let more = with_two_held_out(split.clone());
    let large = embedding(14, 2, 6, || UserGuidance::Backbone);
    let guided = large.guided.as_ref().unwrap();
    let small = Embedding {
        guided: Some(Guided {
            attributes: guided.attributes.clone(),
            items: first(&guided.items, 12),
            items_trainable: false,
            users: UserGuidance::Backbone,
        }),
        free: first(&large.free, 12),
        free_trainable: true,
        tied: true,
        scoring: Scoring::default(),
    };
    for loss in [
        LossKind::CrossEntropy,
        LossKind::SampledCrossEntropy,
        LossKind::BprMax,
        LossKind::Bce,
        LossKind::Bpr,
    ] {
        let settings = Settings {
            epochs: 3,
            batch_size: 8,
            negatives: 4,
            loss,
            ..Settings::default()
        };
        let (without, expected) = trained(&small, &split, &settings);
        let (with, found) = trained(&large, &more, &settings);
        assert_eq!(expected, found, "{loss:?}");
        let table = with.item_table();
        assert!(first(&table, 12).equal(&without.item_table()), "{loss:?}");
        assert!(
            table
                .narrow(0, 12, 2)
                .narrow(1, 2, 6)
                .equal(&large.free.narrow(0, 12, 2))
        );
    }
}

/// Five items, the last unseen; the first two are nearest to it.
fn model(guided: bool, tied: bool) -> Model {
    let columns = |values: &[f32]| Tensor::from_slice(values).view([5, 2]);
    let embedding = Embedding {
        guided: guided.then(|| Guided {
            attributes: vec!["a".to_owned(), "b".to_owned()],
            items: columns(&[0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 5.0, 5.0, 0.9, 0.1]),
            items_trainable: false,
            users: UserGuidance::Hidden,
        }),
        free: columns(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 9.0]),
        free_trainable: true,
        tied,
        scoring: Scoring::default(),
    };
    let dim = embedding.dim();
    Model::new(&embedding, Linear::boxed(dim), 5, Device::Cpu).unwrap()
}

fn last(table: &Tensor) -> Vec<f32> {
    Vec::try_from(table.get(4)).unwrap()
}

#[test]
fn an_unseen_item_gets_the_mean_of_the_nearest_by_guided_scores() {
    let _turn = alone();
    let how = |rule, neighbours| Unseen { rule, neighbours };
    for tied in [true, false] {
        let mut placed = model(true, tied);
        placed
            .place_unseen(&[4], how(UnseenRule::Nearest, 2))
            .unwrap();
        for table in [placed.item_table(), placed.input_table()] {
            assert_eq!(last(&table), [0.9, 0.1, 2.0, 3.0]);
            assert!(first(&table, 4).equal(&first(&model(true, true).item_table(), 4)));
        }
    }
    let mut all = model(true, true);
    all.place_unseen(&[4], how(UnseenRule::Nearest, 100))
        .unwrap();
    assert_eq!(last(&all.item_table()), [0.9, 0.1, 4.0, 5.0]);
    let mut zero = model(true, true);
    zero.place_unseen(&[4], how(UnseenRule::Zero, 2)).unwrap();
    assert_eq!(last(&zero.item_table()), [0.9, 0.1, 0.0, 0.0]);
    let mut kept = model(true, true);
    kept.place_unseen(&[4], how(UnseenRule::Keep, 2)).unwrap();
    assert!(kept.item_table().equal(&model(true, true).item_table()));
    let mut nothing_known = model(false, true);
    nothing_known.place_unseen(&[4], Unseen::default()).unwrap();
    assert_eq!(last(&nothing_known.item_table()), [4.0, 5.0]);
}
