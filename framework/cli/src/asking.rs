//! A model of a finished run, opened to be asked for one user.

use std::path::Path;

use lapidary_core::Error;
use lapidary_core::artefact::Store;
use lapidary_core::data::Dataset;
use lapidary_core::pipeline::{KeptModel, KeptRun, Recommender, Reopened};
use lapidary_core::rank::Query;
use lapidary_core::reason::Steer;
use serde::Serialize;

use crate::args::{Ask, Keep, Search};
use crate::failure::Failure;
use crate::{components, finding, output};

/// A model of a finished run.
pub struct Opened {
    /// The model with what it was trained on.
    pub reopened: Reopened,
    /// How the run names it.
    pub model: KeptModel,
    /// What is said of the run's other models.
    others: Option<String>,
}

/// Opens the model of that fingerprint, or the run's last that has attributes.
///
/// # Errors
/// What the user must be told; what the command line names and nobody has is wrong use.
pub fn open(
    run: &Path,
    model: Option<&str>,
    search: &Search,
    keep: &Keep,
) -> Result<Opened, Failure> {
    let run = KeptRun::open(run)?;
    let (model, others) = choose(run.models()?, model)?;
    if !keep.store.is_dir() {
        let text = format!("--store {}: no such folder", keep.store.display());
        return Err(Failure::usage(text).hint("name the store that the run used"));
    }
    let store = Store::open(&keep.store)?;
    let script = run.script().and_then(Path::parent);
    let found = components::load(search, script.unwrap_or(Path::new(".")))?;
    let reopened = run.reopen(&model, &store, &found.registry, tch::Device::Cpu)?;
    Ok(Opened {
        reopened,
        model,
        others,
    })
}

impl Opened {
    /// Says on standard error that the run has other models that could have been asked.
    pub fn remark(&self) {
        if let Some(others) = &self.others {
            output::remark(others);
        }
    }
}

/// Who asks what.
pub struct Asking {
    opened: Opened,
    /// How the user is moved.
    pub steer: Steer,
    user: String,
    number: u32,
    before: Option<lapidary_core::data::CaseSet>,
    run: std::path::PathBuf,
}

/// The same at the head of an answer in JSON.
#[derive(Serialize)]
pub struct Head<'a> {
    format: u32,
    run: &'a Path,
    model: &'a str,
    backbone: &'a str,
    user: &'a str,
    before: Option<&'static str>,
    steer: &'a Steer,
}

impl Asking {
    /// Opens the model and finds the user.
    ///
    /// # Errors
    /// What the user must be told; what the command line names and nobody has is wrong use.
    pub fn open(ask: &Ask) -> Result<Self, Failure> {
        let folder = finding::find(&ask.run, &ask.among.runs)?;
        let opened = open(&folder, ask.model.as_deref(), &ask.search, &ask.keep)?;
        let reopened = &opened.reopened;
        let number = reopened.data.find_user(&ask.user);
        let steer = Steer(ask.steer.iter().cloned().collect());
        let checked = steer.check(&reopened.recommender.attributes);
        checked.map_err(|error| Failure::from(error).into_usage())?;
        Ok(Self {
            number: number.map_err(|error| Failure::from(error).into_usage())?,
            opened,
            steer,
            user: ask.user.clone(),
            before: ask.before,
            run: std::path::absolute(&folder).unwrap_or(folder),
        })
    }

    /// The model.
    pub fn recommender(&self) -> &Recommender {
        &self.opened.reopened.recommender
    }

    /// What it was trained on.
    pub fn split(&self) -> &lapidary_core::data::Split {
        &self.opened.reopened.split
    }

    /// The user with their history.
    ///
    /// # Errors
    /// When the user has no such case.
    pub fn query(&self) -> Result<Query<'_>, Failure> {
        Query::of(self.split(), self.number, self.before).ok_or_else(|| {
            let set = self.before.map_or("", |set| set.name());
            Failure::usage(format!("user `{}` has no {set} case", self.user))
        })
    }

    /// Number of the item with an identifier.
    ///
    /// # Errors
    /// When there is none.
    pub fn item(&self, id: &str) -> Result<u32, Failure> {
        let found = self.opened.reopened.data.find_item(id);
        found.map_err(|error| Failure::from(error).into_usage())
    }

    /// Identifier and name of an item.
    ///
    /// # Errors
    /// When the stored data cannot be read.
    pub fn named(&self, item: u32) -> Result<(String, String), Failure> {
        named(self.data(), item)
    }

    /// The data set.
    pub fn data(&self) -> &Dataset {
        &self.opened.reopened.data
    }

    /// Says on standard error that the run has other models that could have been asked.
    pub fn remark(&self) {
        self.opened.remark();
    }

    /// Head of an answer in JSON.
    pub fn head(&self) -> Head<'_> {
        Head {
            format: output::FORMAT,
            run: &self.run,
            model: self.opened.model.fingerprint.as_str(),
            backbone: &self.opened.model.backbone,
            user: &self.user,
            before: self.before.map(|set| set.name()),
            steer: &self.steer,
        }
    }

    /// Head of an answer for people.
    pub fn heading(&self) -> String {
        let KeptModel {
            fingerprint,
            backbone,
            ..
        } = &self.opened.model;
        let user = &self.user;
        let mut text = format!("User {user}, model {} ({backbone})", fingerprint.short());
        if let Some(set) = self.before {
            text += &format!(", before the target of the {} case", set.name());
        }
        if !self.steer.is_empty() {
            text += &format!(", steered: {}", self.steer);
        }
        text
    }
}

/// Identifier and name of an item.
///
/// # Errors
/// When the stored data cannot be read.
pub fn named(data: &Dataset, item: u32) -> Result<(String, String), Failure> {
    Ok((data.item_id(item)?, data.item(item)?.label()))
}

/// The model of that fingerprint, or the last that has attributes, or the last; and what is to be said of others.
///
/// # Errors
/// When the run has no such model.
pub fn choose(
    models: Vec<KeptModel>,
    wanted: Option<&str>,
) -> Result<(KeptModel, Option<String>), Failure> {
    let short = |model: &KeptModel| model.fingerprint.short().to_owned();
    let Some(wanted) = wanted else {
        let place = models.iter().rposition(|m| m.has_attributes);
        let place = place.or(models.len().checked_sub(1));
        let model = place.and_then(|place| models.get(place)).cloned();
        let model = model.ok_or_else(|| Failure::failed("the run trained no model"))?;
        let others = models.iter().filter(|m| m.has_attributes && **m != model);
        let others: Vec<String> = others.map(short).collect();
        let remark = format!(
            "the run has {} models with attributes; the last, {}, is asked; --model names another: {}",
            others.len() + 1,
            short(&model),
            others.join(", ")
        );
        return Ok((model, (!others.is_empty()).then_some(remark)));
    };
    let matching: Vec<&KeptModel> = (models.iter())
        .filter(|model| model.fingerprint.as_str().starts_with(wanted))
        .collect();
    match matching.as_slice() {
        [one] => Ok(((*one).clone(), None)),
        [] => {
            let error = Error::unknown("model", wanted, models.iter().map(short));
            Err(Failure::from(error).into_usage())
        }
        several => {
            let names: Vec<String> = several.iter().map(|m| short(m)).collect();
            let text = format!("--model {wanted}: may be {}", names.join(", "));
            Err(Failure::usage(text))
        }
    }
}
