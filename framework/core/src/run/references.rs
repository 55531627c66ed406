//! What runs refer to in the store.

use super::record::{Record, State};
use crate::artefact::Wanted;
use crate::fingerprint::Fingerprint;

impl Record {
    /// Adds what this run made, loaded, or left unfinished. A dry run refers to nothing.
    pub fn add_to(&self, wanted: &mut Wanted) {
        if self.is_dry() {
            return;
        }
        let read = |value: &serde_json::Value| -> Option<Fingerprint> {
            serde_json::from_value(value.clone()).ok()
        };
        let of_notes = |section: &'static str| {
            let notes = self.section(section);
            notes.filter_map(move |(_, note)| read(&note["fingerprint"]))
        };
        wanted.artefacts.extend(of_notes("artefacts"));
        wanted.datasets.extend(of_notes("datasets"));
        let checkpoints = self.section("checkpoints");
        wanted
            .checkpoints
            .extend(checkpoints.filter_map(|(_, name)| read(name)));
        wanted.is_whole &= self.tells_all();
    }

    /// Whether `run.json` tells of all that the run left in the store; earlier versions told finished stages alone.
    pub fn tells_all(&self) -> bool {
        self.is_dry()
            || self.get("checkpoints").is_object()
            || self.state() == State::Done && !self.searched()
    }

    fn searched(&self) -> bool {
        self.get("searches").is_object()
    }
}
