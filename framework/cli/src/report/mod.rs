//! Reports of runs: gathered once, written as a page, as Markdown, as comma-separated values, or as JSON.

mod cases;
pub mod csv;
pub mod markdown;
pub mod page;

use std::path::Path;

use lapidary_core::artefact::Store;
use lapidary_core::pipeline::{KeptModel, KeptRun};
use lapidary_core::progress;
use lapidary_core::report::{self, Report};
use serde::Serialize;

use crate::args;
use crate::asking::choose;
use crate::failure::Failure;
use crate::{components, finding};
use cases::CaseStudy;

/// What one run left, with a few users.
#[derive(Serialize)]
pub struct Told {
    /// What the folder and the store hold.
    #[serde(flatten)]
    pub report: Report,
    /// The model of the attributes, the map and the case studies.
    pub model: Option<String>,
    /// Some users.
    pub cases: Vec<CaseStudy>,
}

impl Told {
    /// Gathers all runs that the command names.
    ///
    /// # Errors
    /// When a run's folder cannot be read, or what the command names is not there.
    pub fn gather(command: &args::Report) -> Result<Vec<Self>, Failure> {
        let mut told = Vec::new();
        for named in &command.of {
            let run = KeptRun::open(&finding::find(named, &command.among.runs)?)?;
            told.push(Self::of(&run, command)?);
        }
        Ok(told)
    }

    fn of(run: &KeptRun, command: &args::Report) -> Result<Self, Failure> {
        let model = model_of(run, command)?;
        let store = &command.keep.store;
        let mut report = report::gather(run, store, model.as_ref())?;
        let mut studied = Vec::new();
        if let Some(model) = model
            .as_ref()
            .filter(|m| m.has_attributes && store.is_dir())
        {
            match studies(run, model, command) {
                Ok(cases) => studied = cases,
                Err(Missing::Told(failure)) => return Err(failure),
                Err(Missing::Gone(error)) if error.is_interrupt() => return Err(error.into()),
                Err(Missing::Gone(error)) => {
                    report.missing.push(format!("case studies: {error}"));
                }
            }
        }
        Ok(Self {
            report,
            model: model.map(|model| model.fingerprint.to_string()),
            cases: studied,
        })
    }
}

/// The model that is named, or the last with attributes; a run without a model has none.
fn model_of(run: &KeptRun, command: &args::Report) -> Result<Option<KeptModel>, Failure> {
    let models = run.models()?;
    match (models.is_empty(), &command.model) {
        (true, None) => Ok(None),
        (_, wanted) => choose(models, wanted.as_deref()).map(|found| Some(found.0)),
    }
}

/// Why there are no case studies.
pub enum Missing {
    /// What the user asked for cannot be.
    Told(Failure),
    /// What they need is gone.
    Gone(lapidary_core::Error),
}

impl From<lapidary_core::Error> for Missing {
    fn from(error: lapidary_core::Error) -> Self {
        Self::Gone(error)
    }
}

impl From<Failure> for Missing {
    fn from(failure: Failure) -> Self {
        Self::Told(failure)
    }
}

fn studies(
    run: &KeptRun,
    model: &KeptModel,
    command: &args::Report,
) -> Result<Vec<CaseStudy>, Missing> {
    let stage = progress::begin("case studies", 0);
    let script = run.script().and_then(Path::parent);
    let found = components::load(&command.search, script.unwrap_or(Path::new(".")))?;
    let store = Store::open(&command.keep.store)?;
    let reopened = run.reopen(model, &store, &found.registry, tch::Device::Cpu)?;
    let mut users = Vec::new();
    for id in &command.user {
        let number = reopened.data.find_user(id);
        users.push(number.map_err(|error| Failure::from(error).into_usage())?);
    }
    if users.is_empty() {
        users = cases::some_users(&reopened.split);
    }
    let mut studies = Vec::new();
    for user in users {
        stage.update(studies.len() as u64, "");
        studies.push(CaseStudy::of(&reopened, user)?);
    }
    Ok(studies)
}
