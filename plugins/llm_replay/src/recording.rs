//! Recordings of a language model's answers.
//!
//! A recording is a file of JSON lines, each a request and its answer in the form of the SDK's types:
//!
//! ```json
//! {"request":{"prompt":{"text":"2 + 2 ="},"ask":{"likelihood":{"continuations":[" 4"," 5"]}}},"answer":{"likelihood":{"log_probs":[-0.5,-3.25],"tokens":[1,1]}}}
//! {"request":{"prompt":{"text":"Say hello."},"ask":{"complete":{"max_tokens":8,"stop":[],"temperature":0.0,"seed":0}}},"answer":{"text":"Hello!"}}
//! ```
//!
//! Empty lines are skipped. Spaces and the order of keys do not matter: an answer is found by the SHA-256 of the
//! request as the SDK's types serialise it.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use lapidary_sdk::prelude::*;

/// Requests and their answers.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    answers: HashMap<[u8; 32], Answer>,
    fingerprint: Sha256,
}

#[derive(Deserialize)]
struct Line {
    request: Request,
    answer: Answer,
}

#[derive(Serialize)]
struct LineRef<'a> {
    request: &'a Request,
    answer: &'a Answer,
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// When the file cannot be read, a line has another form or an answer that does not fit its request, or a request
    /// has two different answers.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(Error::io(path))?;
        let mut recording = Self::default();
        for (number, line) in (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim().is_empty())
        {
            let place = || format!("{}:{number}", path.display());
            let Line { request, answer } =
                serde_json::from_str(line).map_err(Error::json(place()))?;
            recording
                .add(&request, answer)
                .map_err(|e| Error::invalid(format!("{}: {e}", place())))?;
        }
        Ok(recording)
    }

    /// Adds an answer.
    ///
    /// # Errors
    /// When it does not fit the request, or the request has another answer already.
    pub fn add(&mut self, request: &Request, answer: Answer) -> Result<()> {
        check_fit(request, &answer)?;
        let key = key(request)?;
        match self.answers.get(&key) {
            Some(old) if *old != answer => {
                return Err(Error::invalid(format!(
                    "the request {} has another answer already",
                    request.beginning()
                )));
            }
            Some(_) => return Ok(()),
            None => {}
        }
        self.fingerprint.update(key);
        self.fingerprint
            .update(serde_json::to_vec(&answer).map_err(Error::json("answer"))?);
        self.answers.insert(key, answer);
        Ok(())
    }

    /// The recorded answer.
    ///
    /// # Errors
    /// When the request cannot be written as JSON.
    pub fn answer(&self, request: &Request) -> Result<Option<&Answer>> {
        Ok(self.answers.get(&key(request)?))
    }

    /// Number of answers.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    /// Whether there is no answer.
    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Changes with the requests, the answers and their order.
    pub fn fingerprint(&self) -> String {
        self.fingerprint
            .clone()
            .finalize()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect()
    }
}

/// Writes requests and their answers as a recording. The file appears whole or not at all.
///
/// # Errors
/// When an answer does not fit its request or the file cannot be written.
pub fn write<'a>(
    path: &Path,
    answers: impl IntoIterator<Item = (&'a Request, &'a Answer)>,
) -> Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(Error::io(folder))?;
    for (request, answer) in answers {
        check_fit(request, answer)?;
        let mut line =
            serde_json::to_vec(&LineRef { request, answer }).map_err(Error::json("recording"))?;
        line.push(b'\n');
        file.write_all(&line).map_err(Error::io(path))?;
    }
    file.persist(path).map_err(|e| Error::io(path)(e.error))?;
    Ok(())
}

fn key(request: &Request) -> Result<[u8; 32]> {
    let text = serde_json::to_vec(request).map_err(Error::json("request"))?;
    Ok(Sha256::digest(text).into())
}

fn check_fit(request: &Request, answer: &Answer) -> Result<()> {
    let reason = match (&request.ask, answer) {
        (Ask::Complete { .. }, Answer::Text(_)) => return Ok(()),
        (Ask::Likelihood { continuations }, Answer::Likelihood { log_probs, tokens }) => {
            let (wanted, found) = (continuations.len(), [log_probs.len(), tokens.len()]);
            match found == [wanted, wanted] {
                true => return Ok(()),
                false => format!(
                    "{wanted} continuations, but {found:?} log-probabilities and token counts"
                ),
            }
        }
        (Ask::Complete { .. }, _) => "a text was asked for, likelihoods were answered".to_owned(),
        (Ask::Likelihood { .. }, _) => "likelihoods were asked for, a text was answered".to_owned(),
    };
    Err(Error::invalid(format!(
        "the answer to {} does not fit: {reason}",
        request.beginning()
    )))
}
