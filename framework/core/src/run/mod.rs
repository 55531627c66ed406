//! The folder that a run leaves behind.
//!
//! ```text
//! runs/quickstart-20260131-174502/
//!   run.json         script, settings, seeds, versions, fingerprints, device, times, outcome
//!   script.lua       the script as it was
//!   metrics.jsonl    one object a line: time, stage, epoch or step, values
//!   tensorboard/     the same curves as event files, one folder a stage
//!   rankings/        TREC run and qrels files
//!   tables/          each table as CSV and as Markdown
//!   .lock            held as long as the run goes on
//! ```
//!
//! Nothing of a finished run is ever touched again: every run makes a folder of its own.

mod events;
mod facts;
mod figures;
mod folder;
mod manifest;
mod message;
mod metrics;
pub(crate) mod naming;
mod record;
mod references;
mod table;

pub use facts::{Fact, differing};
pub use figures::Figure;
pub use folder::RunFolder;
pub use manifest::{Outcome, Start};
pub use message::in_one_line;
pub use metrics::Point;
pub use record::{Listed, Record, State, remove};
pub use table::Table;
