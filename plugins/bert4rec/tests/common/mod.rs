//! What the tests of this crate share.
#![allow(dead_code, unused_imports, clippy::disallowed_methods)]

use lapidary_bert4rec::{Bert4Rec, Settings};
pub use lapidary_testkit::backbone::{context, largest_difference, mask, train};

/// A model whose initial weights depend on nothing but the settings.
pub fn model(settings: Settings, dim: i64, max_len: i64) -> Bert4Rec {
    lapidary_testkit::backbone::model(settings, dim, max_len)
}
