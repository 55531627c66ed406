//! Ranking of the whole catalogue, metrics, comparison of runs, TREC files.
//!
//! [`rank`] asks a [`Scorer`] for the scores of all items, a block of cases at a time, and keeps where each target
//! came out. Metrics are computed from that: [`Ranking::report`].

mod among;
mod bootstrap;
mod figure;
mod lists;
mod metrics;
mod popularity;
mod ranking;
mod recommend;
mod report;
mod scorer;
mod seen;
mod stored;
mod ties;
pub mod trec;
mod trec_run;

#[cfg(test)]
mod tests;

pub use among::Among;
pub use bootstrap::{Bootstrap, Difference};
pub use figure::{Figure, mean_and_deviation};
pub use lists::TopLists;
pub(crate) use lists::best_unseen;
pub use metrics::{Curve, Measure, Metric};
pub use popularity::{Chance, Popularity};
pub use ranking::{Options, Places, Ranking, rank};
pub(crate) use ranking::{by_history, check_catalogue, nan};
pub use recommend::{recommend, recommend_all};
pub use report::{Catalogue, Report, Values};
pub use scorer::{Query, Scorer};
pub use trec_run::{Listed, TrecRun};
