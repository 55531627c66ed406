//! The component.

use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use lapidary_sdk::prelude::*;

use crate::recording::Recording;

/// Settings of the component `replay`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The recording, a file of JSON lines. Without one every request is refused.
    pub file: String,
}

/// Answers what was recorded and nothing else.
#[derive(Debug)]
pub struct Replay {
    file: String,
    recording: Recording,
}

impl Component for Replay {
    const NAME: &'static str = "replay";
    const SUMMARY: &'static str = "Answers from a recording; refuses what was not recorded.";
    type Settings = Settings;
    type Context = LlmContext;

    fn create(settings: Settings, _context: LlmContext) -> Result<Self> {
        let recording = match settings.file.as_str() {
            "" => Recording::default(),
            file => Recording::read(Path::new(file))?,
        };
        Ok(Self {
            file: settings.file,
            recording,
        })
    }
}

impl Llm for Replay {
    fn info(&self) -> Result<LlmInfo> {
        Ok(LlmInfo {
            model: "replay".to_owned(),
            fingerprint: self.recording.fingerprint(),
            context_length: 0,
            parameters: 0,
            chat: true,
        })
    }

    fn answer(&self, requests: &[Request]) -> Result<Vec<Answer>> {
        let of = |request: &Request| match self.recording.answer(request)? {
            Some(answer) => Ok(answer.clone()),
            None if self.file.is_empty() => Err(Error::invalid(format!(
                "there is no recording; name one with the setting `file`; asked was {}",
                request.beginning()
            ))),
            None => Err(Error::invalid(format!(
                "the recording `{}` has no answer to {}; prompt and question both have to be the recorded ones",
                self.file,
                request.beginning()
            ))),
        };
        requests.iter().map(of).collect()
    }
}
