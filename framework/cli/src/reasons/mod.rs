//! Reasons of recommendations for people and programs.

pub mod page;
mod sentences;
pub mod text;

use lapidary_core::data::Dataset;
use lapidary_core::pipeline::{Portrait, Reason};
use serde::Serialize;

use crate::asking::named;
use crate::failure::Failure;

/// Why an item.
#[derive(Serialize)]
pub struct Told {
    /// Its identifier.
    pub item: String,
    /// Its name.
    pub title: String,
    /// Its place among the items that the user does not have.
    pub place: usize,
    /// Its place if scores had no parts by attribute.
    pub place_without: usize,
    /// The whole score.
    pub score: f64,
    /// What the other columns add.
    pub rest: f64,
    /// The attributes' parts, the largest first.
    pub parts: Vec<Reason>,
    /// What of the history speaks for it.
    pub history: Vec<Shaped>,
    /// The same in words.
    pub sentences: Vec<String>,
}

/// Items of the history that go the user's way on an attribute.
#[derive(Serialize)]
pub struct Shaped {
    /// The attribute.
    pub attribute: String,
    /// The items, the strongest first.
    pub items: Vec<Had>,
}

/// An item of the history.
#[derive(Serialize)]
pub struct Had {
    /// Its identifier.
    pub item: String,
    /// Its name.
    pub title: String,
    /// Where it stands among all items on the attribute, in percent.
    pub percent: f64,
}

impl Told {
    /// Names what a portrait numbers.
    ///
    /// # Errors
    /// When the stored data cannot be read.
    pub fn of(data: &Dataset, portrait: Portrait) -> Result<Self, Failure> {
        let had = |(item, percent)| {
            let (item, title) = named(data, item)?;
            Ok(Had {
                item,
                title,
                percent,
            })
        };
        let mut history = Vec::new();
        for shaping in portrait.history {
            history.push(Shaped {
                attribute: shaping.attribute,
                items: (shaping.items.into_iter().map(had)).collect::<Result<_, Failure>>()?,
            });
        }
        let (item, title) = named(data, portrait.item)?;
        let reasons = portrait.reasons;
        let rest = reasons.rest.unwrap_or_default();
        Ok(Self {
            item,
            title,
            place: portrait.place,
            place_without: portrait.place_without,
            score: reasons.score.unwrap_or_default(),
            rest,
            sentences: sentences::of(
                &reasons.parts,
                rest,
                [portrait.place, portrait.place_without],
            ),
            parts: reasons.parts,
            history,
        })
    }

    /// The largest part of an attribute, whatever its sign. The rest has no bar: it may be so large that no other is seen.
    fn largest(&self) -> f64 {
        let parts = self.parts.iter().map(|part| part.value.abs());
        parts.fold(0.0, f64::max)
    }
}

/// An attribute's name for people.
pub fn plain(attribute: &str) -> String {
    attribute.replace('_', " ")
}

/// Where something stands among others, such as `above 97 %`; nothing stands above all, itself among them.
pub fn standing(percent: f64) -> String {
    match percent >= 50.0 {
        true => format!("above {:.0} %", percent.min(99.0)),
        false => format!("below {:.0} %", (100.0 - percent).min(99.0)),
    }
}
