//! What a finished run made, written for other programs: tables, and a model that serves without this one.

mod serving;
mod table;
mod tables;

pub use serving::serving;
pub use table::Format;
pub use tables::tables;
