//! Sweeps: a script run with many settings, each time in a process of its own, so that several go on at once and the crash of
//! one is no harm to the others. What they compute they share through the store.

mod children;
mod plan;
mod table;

pub use children::{Ended, TOLD, Task, of, run_all, tell};
pub use plan::{SweepSettings, Trial, trials};
pub use table::{Row, Rows};
