//! What every base embedder does.

use lapidary_core::plugin::Registry;
use lapidary_sdk::kinds::{BaseEmbedder, BaseEmbedderContext, BaseEmbeddings, Interactions};
use serde_json::Value;
use tch::{Kind as DType, Tensor};

use super::process::{keeps_seed, unchanged};
use super::round_trip::round_trip;
use super::{Numbers, assert_refused, same};

const ITEMS: i64 = 30;
const USERS: i64 = 40;
const DIM: i64 = 4;

/// Runs the suite of base embedders.
///
/// # Panics
/// When a check fails.
pub fn base_embedder(registry: &Registry, name: &str, settings: &Value) -> Numbers {
    let make = |seed| {
        let context = BaseEmbedderContext {
            dim: DIM,
            n_items: ITEMS,
            seed,
            device: "cpu".into(),
        };
        let made = registry.base_embedder(name, settings, &context);
        made.unwrap_or_else(|e| panic!("it can be made: {e}"))
    };
    let mut embedder = make(7);
    let learned = fit(&mut *embedder, &interactions());
    assert_eq!(learned.items.size(), [ITEMS, DIM]);
    assert!(
        bool::try_from(learned.items.isfinite().all()).unwrap_or(false),
        "values are finite"
    );
    assert!(
        !learned.items.requires_grad(),
        "the table is no part of a graph"
    );

    let again = fit(&mut *make(7), &interactions());
    assert!(
        same(&learned.items, &again.items),
        "equal seeds, equal tables"
    );
    keeps_seed("fit", || drop(fit(&mut *make(7), &interactions())));
    round_trip(&*embedder, &mut *make(7));
    refusals(&mut *embedder);

    let mut numbers = Numbers::default();
    numbers.add("items", &learned.items);
    if let Some(users) = &learned.users {
        numbers.add("users", users);
    }
    numbers
}

fn fit(embedder: &mut dyn BaseEmbedder, train: &Interactions) -> BaseEmbeddings {
    let learned = unchanged("fit", || embedder.fit(train));
    learned.unwrap_or_else(|e| panic!("it learns from interactions: {e}"))
}

/// Every user walks through a stretch of the catalogue.
fn interactions() -> Interactions {
    let (mut offsets, mut items) = (vec![0], Vec::new());
    for user in 0..USERS {
        let length = 3 + user % 6;
        items.extend((0..length).map(|step| (user * 7 + step * (1 + user % 3)) % ITEMS));
        offsets.push(items.len() as i64);
    }
    Interactions {
        offsets: Tensor::from_slice(&offsets),
        items: Tensor::from_slice(&items),
    }
}

fn refusals(embedder: &mut dyn BaseEmbedder) {
    let good = interactions;
    let outside = Interactions {
        items: good().items + ITEMS,
        ..good()
    };
    assert_refused(
        "an item that is not in the catalogue",
        embedder.fit(&outside),
    );
    let negative = Interactions {
        items: good().items - ITEMS,
        ..good()
    };
    assert_refused("an item with a negative number", embedder.fit(&negative));
    let short = Interactions {
        items: good().items.narrow(0, 0, 5),
        ..good()
    };
    assert_refused("offsets that end elsewhere", embedder.fit(&short));
    let odd = Interactions {
        items: good().items.to_kind(DType::Float),
        ..good()
    };
    assert_refused("items that are not i64", embedder.fit(&odd));
    fit(embedder, &good());
}
