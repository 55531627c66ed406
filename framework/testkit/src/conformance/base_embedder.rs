//! What every base embedder does.

use lapidary_core::plugin::Registry;
use lapidary_sdk::kinds::{BaseEmbedder, BaseEmbedderContext, BaseEmbeddings, Interactions};
use tch::{Kind as DType, Tensor};

use super::memory::leaks;
use super::process::{SEED, keeps_seed};
use super::round_trip::{STATE, round_trip};
use super::speed::speed;
use super::tensors::{equal, finite, refused, shaped};
use super::{Case, Depth, device};
use crate::suite::{Checked, Fault, Rule, Section, Suite, holds};

const ITEMS: i64 = 30;
const USERS: i64 = 40;
const DIM: i64 = 4;

const fn rule(name: &'static str, fix: &'static str) -> Rule {
    Rule::new(name, Section::BaseEmbedder, fix)
}

const CREATE: Rule = Rule::new(
    "create",
    Section::Create,
    "make an instance from the defaults and `{\"dim\": 4, \"n_items\": 30, \"seed\": 0, \"device\": \"cpu\"}`; where settings \
     are needed, give them with --set",
);
const SHAPES: Rule = rule(
    "shapes",
    "`fit` gives `items` f32 [V,d], a row an item of the catalogue, also those that nobody had; `users` f32 [U,d] or not at all",
);
const VALUES: Rule = rule(
    "values",
    "finite numbers, cut off from the graph that made them: `detach` them",
);
const DETERMINISM: Rule = rule(
    "determinism",
    "draw everything that is random from a generator seeded with the context's `seed`",
);
const REFUSALS: Rule = rule(
    "refusals",
    "return status 1 with a reason for item numbers outside 0..V, offsets that do not rise from 0 to the number of items, \
     other types than i64; work on afterwards",
);

/// Runs the checks of base embedders.
pub(super) fn checks(suite: &mut Suite<'_>, registry: &Registry, case: &Case, depth: Depth) {
    let make_on = |seed, device: &str| -> Checked<Box<dyn BaseEmbedder>> {
        let context = BaseEmbedderContext {
            dim: DIM,
            n_items: ITEMS,
            seed,
            device: device.to_owned(),
        };
        Ok(registry.base_embedder(&case.name, &case.settings, &context)?)
    };
    let make = |seed| make_on(seed, "cpu");
    let Some(mut embedder) = suite.check(CREATE, |_| make(7)) else {
        return;
    };
    let learned = suite.check(SHAPES, |numbers| {
        let learned = fit(&mut *embedder)?;
        shaped(&learned.items, &[ITEMS, DIM], "`items`")?;
        numbers.add("items", &learned.items)?;
        if let Some(users) = &learned.users {
            shaped(users, &[USERS, DIM], "`users`")?;
            numbers.add("users", users)?;
        }
        Ok(learned)
    });
    let Some(learned) = learned else { return };
    suite.check(VALUES, |_| {
        finite(&learned.items, "`items`")?;
        holds(!learned.items.requires_grad(), || {
            "the table is still part of a graph".to_owned()
        })
    });
    suite.check(DETERMINISM, |_| {
        let again = fit(&mut *make(7)?)?;
        equal(
            &learned.items,
            &again.items,
            "equal seeds give equal tables",
        )
    });
    suite.check(SEED, |_| {
        keeps_seed("fit", || fit(&mut *make(7)?).map(drop))
    });
    suite.check(STATE, |_| round_trip(&*embedder, &mut *make(7)?));
    suite.check(REFUSALS, |_| refusals(&mut *embedder));
    if depth == Depth::All {
        device::moves(suite, Section::BaseEmbedder, || {
            let there = fit(&mut *make_on(7, device::GPU)?)?;
            finite(&there.items, "`items` of the GPU")
        });
        leaks(
            suite,
            &mut [
                ("`create` and `destroy`", &mut || make(7).map(drop)),
                ("`fit`", &mut || fit(&mut *embedder).map(drop)),
            ],
        );
        let name = format!("fit of {USERS} users and {ITEMS} items");
        speed(suite, &mut [(name, &mut || fit(&mut *make(7)?).map(drop))]);
    }
}

fn fit(embedder: &mut dyn BaseEmbedder) -> Checked<BaseEmbeddings> {
    embedder
        .fit(&interactions()?)
        .map_err(Fault::at("it does not learn from interactions"))
}

/// Every user walks through a stretch of the catalogue.
fn interactions() -> Checked<Interactions> {
    let (mut offsets, mut items) = (vec![0], Vec::new());
    for user in 0..USERS {
        let length = 3 + user % 6;
        items.extend((0..length).map(|step| (user * 7 + step * (1 + user % 3)) % ITEMS));
        offsets.push(items.len() as i64);
    }
    Ok(Interactions {
        offsets: Tensor::f_from_slice(&offsets)?,
        items: Tensor::f_from_slice(&items)?,
    })
}

fn refusals(embedder: &mut dyn BaseEmbedder) -> Checked {
    let Interactions { offsets, items } = interactions()?;
    let mut refuses = |what: &str, items: Tensor| {
        let odd = Interactions {
            offsets: offsets.shallow_clone(),
            items,
        };
        refused(what, embedder.fit(&odd))
    };
    refuses(
        "an item that is not in the catalogue",
        items.f_add_scalar(ITEMS)?,
    )?;
    refuses("an item with a negative number", items.f_sub_scalar(ITEMS)?)?;
    refuses("offsets that end elsewhere", items.f_narrow(0, 0, 5)?)?;
    refuses("items that are not i64", items.f_to_kind(DType::Float)?)?;
    fit(embedder).map(drop)
}
