//! What a model is called where a script gave it no name: by what it was made of.

use serde_json::Value;

/// Digits of a fingerprint in the names of artefacts.
const SHORT: usize = 16;

/// `sasrec`, `refined sasrec`, or `retrained sasrec` where it started from its base without guided scores; from the notes
/// of a run's artefacts and the inputs of the model's own.
pub fn of_model(artefacts: &Value, inputs: &Value) -> Option<String> {
    let backbone = inputs["backbone"].as_str()?;
    let start = inputs["start"]
        .as_str()
        .and_then(|start| start.get(..SHORT));
    let refined = start.and_then(|start| artefacts.get(format!("refined {start}")));
    Some(match refined {
        None => backbone.to_owned(),
        Some(note) if note["inputs"]["guided"].is_null() => format!("retrained {backbone}"),
        Some(_) => format!("refined {backbone}"),
    })
}
