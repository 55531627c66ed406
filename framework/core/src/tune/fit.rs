//! The loop of fine-tuning.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use lapidary_sdk::State;
use lapidary_sdk::kinds::{ItemText, Llm, PromptStrategy};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::asking::Asking;
use super::examples::Examples;
use super::history::{TuneHistory, TuneObserver, TuneRecord};
use super::reference::Reference;
use super::resume::{copies, copy};
use super::settings::TuneSettings;
use super::validation::Validation;
use crate::data::Split;
use crate::error::{Error, Result};
use crate::fingerprint::Fingerprint;
use crate::progress;
use crate::refine::Normalise;
use crate::train::checkpoint::Checkpoints;
use crate::train::{Adam, Schedule, Stop};

/// What is fine-tuned, on what.
pub struct Task<'a> {
    /// The model; it has no adapter yet, and has the best one afterwards.
    pub llm: &'a mut dyn Llm,
    /// Asks about users. It can measure with gradients, and tell its templates' own words unless the format loss is
    /// left out.
    pub strategy: &'a dyn PromptStrategy,
    /// Whose training part is learned from, and whose validation cases are ranked.
    pub split: &'a Split,
    /// Texts of items.
    pub text: &'a dyn Fn(u32) -> ItemText,
    /// Frozen scores of the items, f32 `[V,m]`, in the order of the strategy's attributes.
    pub items: &'a Tensor,
    /// Where the model computes.
    pub device: Device,
    /// Names the run: checkpoints of another one are not taken.
    pub name: Fingerprint,
}

/// Fine-tunes a language model; returns its adapter of the best epoch.
///
/// With a folder, checkpoints are kept there, and a run that was interrupted goes on where it stopped: on a CPU it ends
/// with the same adapter as one that was not. Everything random follows from `settings.seed`.
///
/// # Errors
/// [`Error::Interrupted`] when the user asked to stop; [`Error::NotFinite`] when the loss or the adapter leave the
/// numbers (the last good checkpoint stays); [`Error::Setting`] for settings and splits that cannot be used;
/// [`Error::Component`] for what the model or the strategy report.
pub fn fine_tune(
    task: Task<'_>,
    settings: &TuneSettings,
    folder: Option<&Path>,
    observer: &mut dyn TuneObserver,
) -> Result<(State, TuneHistory)> {
    settings.check("fine_tune")?;
    let examples = Examples::new(task.split, settings)?;
    let validation = Validation::new(task.split, settings)?;
    let parameters = task.llm.adapt(&settings.lora());
    let parameters = parameters.map_err(Error::component("llm", "adapt"))?;
    let checkpoints = folder.map(|f| Checkpoints::new(f, task.name)).transpose()?;
    let llm: &dyn Llm = &*task.llm;
    let mut run = Run {
        asking: Asking {
            llm,
            strategy: task.strategy,
            text: task.text,
            device: task.device,
        },
        items: Normalise::ZScore.apply(&task.items.f_to_device(task.device)?)?,
        schedule: settings.schedule(examples.len()),
        adam: Adam::new(&settings.optimiser()),
        state: Progress::default(),
        best: Vec::new(),
        reference: None,
        split: task.split,
        settings,
        examples,
        validation,
        parameters,
        checkpoints,
    };
    run.resume(observer)?;
    let history = run.train(observer)?;
    let adapter = llm.save().map_err(Error::component("llm", "save"))?;
    Ok((adapter, history))
}

/// How far a run has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Progress {
    /// Epochs that are done, from 0 on.
    pub epochs: Vec<TuneRecord>,
    /// Users that are done in the epoch that runs, and the sums of their losses.
    pub users: usize,
    pub recommendation: f64,
    pub format: f64,
    pub seconds: f64,
    /// Steps taken in all.
    pub steps: u64,
    pub best: Option<(u32, f64)>,
    /// Validations since the best one.
    pub misses: u32,
    pub stopped: bool,
    /// The optimiser's steps of each parameter.
    pub optimiser: BTreeMap<String, i32>,
}

pub(super) struct Run<'a> {
    pub asking: Asking<'a>,
    pub split: &'a Split,
    pub settings: &'a TuneSettings,
    /// Normalised scores of items, f32 `[V,m]`.
    pub items: Tensor,
    pub examples: Examples,
    pub validation: Validation,
    pub schedule: Schedule,
    pub parameters: Vec<(String, Tensor)>,
    pub checkpoints: Option<Checkpoints>,
    pub adam: Adam,
    pub state: Progress,
    /// The parameters of the best epoch.
    pub best: Vec<(String, Tensor)>,
    /// From the last validation; none before the first.
    pub reference: Option<Reference>,
}

impl Run<'_> {
    fn train(&mut self, observer: &mut dyn TuneObserver) -> Result<TuneHistory> {
        let epochs = self.settings.epochs;
        let users = self.examples.len() as u64;
        let stage = progress::begin("fine-tuning", u64::from(epochs) * users);
        while self.state.epochs.len() <= epochs as usize && !self.state.stopped {
            let number = self.state.epochs.len() as u32;
            let outcome = self.epoch(number, &stage);
            if outcome.as_ref().is_err_and(Error::is_interrupt) && self.reference.is_some() {
                self.checkpoint()?;
            }
            let record = outcome?;
            self.checkpoint()?;
            observer.epoch(&record)?;
            stage.update(u64::from(number) * users, &told(&record));
        }
        copy(&self.best, &self.parameters)?;
        let (best_epoch, best_value) = self.state.best.unwrap_or_default();
        if best_epoch == 0 {
            tracing::warn!(
                "fine-tuning made validation no better: the adapter that is kept changes nothing; try another \
                 `learning_rate`, more `users`, or more `epochs`"
            );
        }
        Ok(TuneHistory {
            epochs: self.state.epochs.clone(),
            best_epoch,
            best_value,
            stop: match self.state.stopped {
                true => Stop::Patience,
                false => Stop::Epochs,
            },
        })
    }

    /// Trains for an epoch, but for number 0, and validates.
    fn epoch(&mut self, number: u32, stage: &progress::Stage) -> Result<TuneRecord> {
        if number > 0 {
            let order = self.examples.order(self.settings.seed, number);
            while let Some(rest) = order.get(self.state.users..).filter(|r| !r.is_empty()) {
                let users = rest.get(..self.settings.step_users()).unwrap_or(rest);
                let began = Instant::now();
                self.step(users, number)?;
                self.state.seconds += began.elapsed().as_secs_f64();
                let done = self.state.users;
                let loss = self.mean_loss();
                let note = format!("epoch {number} of {}, loss {loss:.4}", self.settings.epochs);
                let before = (number as usize - 1) * order.len();
                stage.update((before + done) as u64, &note);
                let due = self
                    .state
                    .steps
                    .is_multiple_of(self.settings.checkpoint_every);
                if due && done < order.len() {
                    self.checkpoint()?;
                }
            }
        }
        self.validate(number)
    }

    fn mean_loss(&self) -> f64 {
        let sum = self.state.recommendation + self.settings.format_weight * self.state.format;
        sum / self.state.users.max(1) as f64
    }

    fn validate(&mut self, number: u32) -> Result<TuneRecord> {
        let began = Instant::now();
        let found = self.validation.run(&self.asking, self.split, &self.items);
        let (validation, reference) = match found {
            Err(Error::NotFinite(_)) => return Err(self.not_finite("the scores are")),
            found => found?,
        };
        self.reference = Some(reference);
        let value = validation.first().map_or(0.0, |&(_, value)| value);
        let best = self.state.best.is_none_or(|(_, before)| value > before);
        if best {
            self.state.best = Some((number, value));
            self.state.misses = 0;
            self.best = copies(&self.parameters)?;
        } else {
            self.state.misses += 1;
        }
        let patience = self.settings.patience;
        self.state.stopped = patience > 0 && self.state.misses >= patience;
        let users = self.state.users.max(1) as f64;
        let trained = number > 0;
        let with_format = trained && self.settings.format_weight > 0.0;
        let record = TuneRecord {
            epoch: number,
            loss: trained.then(|| self.mean_loss()),
            recommendation: trained.then_some(self.state.recommendation / users),
            format: with_format.then_some(self.state.format / users),
            learning_rate: self.schedule.rate(self.state.steps.saturating_sub(1)),
            steps: self.state.steps,
            train_seconds: self.state.seconds,
            validation_seconds: began.elapsed().as_secs_f64(),
            validation,
            best,
        };
        self.state.epochs.push(record.clone());
        self.state.users = 0;
        (self.state.recommendation, self.state.format) = (0.0, 0.0);
        self.state.seconds = 0.0;
        Ok(record)
    }

    pub(super) fn not_finite(&self, what: &str) -> Error {
        let kept = match &self.checkpoints {
            Some(_) => "; the last good checkpoint is kept",
            None => "",
        };
        Error::NotFinite(format!(
            "fine-tuning: {what} not finite by step {}{kept}. Try a lower `learning_rate`, a lower `clip_norm`, or some \
             `warmup_steps`",
            self.state.steps
        ))
    }
}

/// An epoch in a few words.
fn told(record: &TuneRecord) -> String {
    let metrics = record.validation.iter();
    let metrics: Vec<_> = metrics.map(|(m, v)| format!("{m} {v:.4}")).collect();
    let loss = record
        .loss
        .map_or(String::new(), |loss| format!("loss {loss:.4}, "));
    format!("{loss}{}", metrics.join(", "))
}
