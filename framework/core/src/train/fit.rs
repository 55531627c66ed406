//! The training loop.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::adam::Adam;
use super::batch::{Epoch, TrainingSet};
use super::checkpoint::{Checkpoints, run_name};
use super::history::{EpochRecord, History, Observer, Stop};
use super::model::Model;
use super::schedule::Schedule;
use super::seed::{self, Purpose};
use super::settings::Settings;
use super::step::step;
use super::validation::Validation;
use crate::artefact::Content;
use crate::data::Split;
use crate::error::{Error, Result};
use crate::{interrupt, progress};

/// Steps between two looks at the loss; a look waits for the device.
const LOOK_EVERY: usize = 64;

/// Trains a model on the training part of a split; at the end the model has the weights of its best epoch.
///
/// With a folder, which other runs may share, checkpoints are kept there, and a run that was interrupted goes on where
/// it stopped when it is started again with the same model, split and settings: on a CPU it ends with the same weights
/// as one that was not interrupted. So does a run with more epochs in the folder of one with fewer, where its first epochs
/// are the same: with a constant learning rate, and `epochs` of both a multiple of `validate_every`. Everything random
/// follows from `settings.seed`; libtorch's generators are seeded anew at each step.
///
/// # Errors
/// [`Error::Interrupted`] when the user asked to stop; [`Error::NotFinite`] when the loss or the weights leave the
/// numbers (the last good checkpoint stays); [`Error::Setting`] for settings that cannot be used.
pub fn fit(
    model: &mut Model,
    split: &Split,
    settings: &Settings,
    folder: Option<&Path>,
    observer: &mut dyn Observer,
) -> Result<History> {
    settings.check("fit")?;
    check_fits(model, split)?;
    let set = TrainingSet::new(split, model.objective(), model.device())?;
    let run_name = run_name(model, split, settings)?;
    let checkpoints = folder.map(|f| Checkpoints::new(f, run_name)).transpose()?;
    let batches = set.sequences().div_ceil(settings.batch_size) as u64;
    let steps = u64::from(settings.epochs) * batches;
    let mut run = Run {
        schedule: settings.schedule(steps),
        validation: Validation::new(split, settings),
        adam: Adam::new(settings),
        loss: Tensor::f_zeros([], (Kind::Double, model.device()))?,
        state: Progress::default(),
        best: None,
        model,
        split,
        settings,
        set,
        checkpoints,
    };
    run.resume(steps, observer)?;
    run.train(observer)
}

fn check_fits(model: &Model, split: &Split) -> Result<()> {
    let made_of = model.description();
    if made_of.n_items != split.n_items as i64 {
        return Err(Error::Shape {
            what: "item table".to_owned(),
            expected: format!("the split's {} items", split.n_items),
            found: format!("{} items", made_of.n_items),
        });
    }
    let users = split.sequences.users() as i64;
    match made_of.n_users {
        Some(rows) if rows != users => Err(Error::Shape {
            what: "users' guided scores".to_owned(),
            expected: format!("a row for each of the split's {users} users"),
            found: format!("{rows} rows"),
        }),
        _ if made_of.max_len < split.max_len => Err(Error::Setting {
            place: "model.max_len".to_owned(),
            reason: format!(
                "the model takes {} items, the split has sequences of up to {}; make both the same",
                made_of.max_len, split.max_len
            ),
        }),
        _ => Ok(()),
    }
}

/// How far a run has come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Progress {
    /// Epochs that are done.
    epochs: Vec<EpochRecord>,
    /// Batches that are done in the epoch that runs, and what they gave.
    batches: usize,
    loss: f64,
    targets: u64,
    seconds: f64,
    /// Steps taken in all.
    steps: u64,
    best: Option<(u32, f64)>,
    /// Validations since the best one.
    misses: u32,
    stopped: bool,
    /// The optimiser's steps of each parameter.
    optimiser: BTreeMap<String, i32>,
}

struct Run<'a> {
    model: &'a mut Model,
    split: &'a Split,
    settings: &'a Settings,
    set: TrainingSet,
    schedule: Schedule,
    validation: Option<Validation>,
    checkpoints: Option<Checkpoints>,
    adam: Adam,
    /// Sum of the losses of the epoch's targets, f64 `[]` on the device.
    loss: Tensor,
    state: Progress,
    /// The best epoch's weights, unless that is the last one.
    best: Option<Vec<(String, Tensor)>>,
}

impl Run<'_> {
    fn train(mut self, observer: &mut dyn Observer) -> Result<History> {
        let epochs = self.settings.epochs;
        let stage = progress::begin("training", self.schedule.steps);
        while !self.state.stopped && self.epochs_done() < epochs {
            self.epoch(&stage, observer)?;
        }
        if let Some(best) = self.best.take() {
            self.model.load_state(&best)?;
        }
        let last = self.epochs_done();
        Ok(History {
            best_epoch: self.state.best.map_or(last, |(epoch, _)| epoch),
            best_value: self.state.best.map(|(_, value)| value),
            stop: match self.state.stopped {
                true => Stop::Patience,
                false => Stop::Epochs,
            },
            epochs: self.state.epochs,
        })
    }

    fn epochs_done(&self) -> u32 {
        self.state.epochs.len() as u32
    }

    fn epoch(&mut self, stage: &progress::Stage, observer: &mut dyn Observer) -> Result<()> {
        let number = self.epochs_done() + 1;
        let seed = self.settings.seed;
        let plan = self.set.epoch(seed, number, self.settings.batch_size)?;
        let began = Instant::now();
        let before = self.state.seconds;
        let of = self.settings.epochs;
        let mut note = format!("epoch {number} of {of}");
        while self.state.batches < plan.len() {
            self.state.seconds = before + began.elapsed().as_secs_f64();
            if interrupt::requested() {
                self.checkpoint()?;
                return Err(Error::Interrupted);
            }
            self.batch(&plan, number)?;
            if self.state.batches.is_multiple_of(LOOK_EVERY) {
                let loss = self.look(number)?;
                note = format!("epoch {number} of {of}, loss {loss:.4}");
            }
            stage.update(self.state.steps, &note);
        }
        let loss = self.look(number)?;
        self.state.seconds = before + began.elapsed().as_secs_f64();
        let record = match self.finish_epoch(number, loss) {
            Err(error) if error.is_interrupt() => {
                self.checkpoint()?;
                return Err(error);
            }
            result => result?,
        };
        let note = record
            .validation
            .first()
            .map_or(String::new(), |(metric, value)| {
                format!(", {metric} {value:.4}")
            });
        let note = format!("epoch {number} of {of}, loss {loss:.4}{note}");
        stage.update(self.state.steps, &note);
        let last = self.state.stopped || number == self.settings.epochs;
        if last || number.is_multiple_of(self.settings.checkpoint_every) {
            self.checkpoint()?;
        }
        observer.epoch(&record)
    }

    fn batch(&mut self, plan: &Epoch, epoch: u32) -> Result<()> {
        let number = self.state.batches;
        let place = [u64::from(epoch), number as u64];
        seed::libtorch(self.settings.seed, Purpose::Step, place);
        let batch = self.set.batch(plan, number)?;
        let targets = batch.targets.size1()?;
        let rate = self.schedule.rate(self.state.steps);
        let known = self.set.known();
        let loss = step(
            self.model,
            &batch,
            known,
            self.settings,
            &mut self.adam,
            rate,
        )?;
        let sum = loss.f_to_kind(Kind::Double)?.f_mul_scalar(targets)?;
        let _ = self.loss.f_add_(&sum)?;
        self.state.batches += 1;
        self.state.steps += 1;
        self.state.targets += targets as u64;
        Ok(())
    }

    /// Reads the epoch's mean loss so far, and stops where it is not a number.
    fn look(&mut self, epoch: u32) -> Result<f64> {
        self.state.loss = self.loss.f_double_value(&[])?;
        if self.state.loss.is_finite() {
            return Ok(self.state.loss / self.state.targets.max(1) as f64);
        }
        Err(self.not_finite(epoch, "the loss is"))
    }

    fn not_finite(&self, epoch: u32, what: &str) -> Error {
        let before = match self.state.epochs.last() {
            Some(last) => format!(
                "the last finite loss was {:.4}, in epoch {}",
                last.loss, last.epoch
            ),
            None => "no epoch was finished before".to_owned(),
        };
        let kept = match &self.checkpoints {
            Some(_) => "; the last good checkpoint is kept",
            None => "",
        };
        Error::NotFinite(format!(
            "training: {what} not finite in epoch {epoch}, by step {}; {before}{kept}. Try a lower `learning_rate`, a `clip_norm` such as 1.0, or some `warmup_steps`, and check that the embedding's values are of ordinary size",
            self.state.steps
        ))
    }

    /// Validates where it is due, and books the epoch.
    fn finish_epoch(&mut self, number: u32, loss: f64) -> Result<EpochRecord> {
        let began = Instant::now();
        let last = number == self.settings.epochs;
        let due = last || number.is_multiple_of(self.settings.validate_every);
        let validation = match &self.validation {
            Some(validation) if due => match validation.run(self.model, self.split) {
                Err(Error::NotFinite(_)) => {
                    return Err(self.not_finite(number, "the model's scores are"));
                }
                result => result?,
            },
            _ => Vec::new(),
        };
        let best = validation
            .first()
            .is_some_and(|&(_, value)| self.state.best.is_none_or(|(_, before)| value > before));
        let record = EpochRecord {
            epoch: number,
            loss,
            learning_rate: self.schedule.rate(self.state.steps.saturating_sub(1)),
            targets: self.state.targets,
            steps: self.state.steps,
            train_seconds: self.state.seconds,
            validation_seconds: began.elapsed().as_secs_f64(),
            validation,
            best,
        };
        self.book(&record)?;
        Ok(record)
    }

    fn book(&mut self, record: &EpochRecord) -> Result<()> {
        match record.validation.first() {
            Some(&(_, value)) if record.best => {
                self.state.best = Some((record.epoch, value));
                self.state.misses = 0;
                self.best = Some(copies(self.model)?);
            }
            Some(_) => self.state.misses += 1,
            None => {}
        }
        let patience = self.settings.patience;
        self.state.stopped = patience > 0 && self.state.misses >= patience;
        self.state.epochs.push(record.clone());
        self.state.batches = 0;
        (self.state.loss, self.state.targets) = (0.0, 0);
        self.state.seconds = 0.0;
        let _ = self.loss.f_zero_()?;
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<()> {
        let Some(checkpoints) = &self.checkpoints else {
            return Ok(());
        };
        let state = self.model.state()?;
        if !all_finite(&state)? {
            return Err(self.not_finite(self.epochs_done().max(1), "the weights are"));
        }
        self.state.loss = self.loss.f_double_value(&[])?;
        let (moments, steps) = self.adam.state();
        self.state.optimiser = steps;
        let named = |prefix: &str, tensors: &[(String, Tensor)]| -> Vec<(String, Tensor)> {
            let with = |(n, t): &(String, Tensor)| (format!("{prefix}.{n}"), t.shallow_clone());
            tensors.iter().map(with).collect()
        };
        let mut tensors = named("model", &state);
        tensors.extend(named("optimiser", &moments));
        tensors.extend(named("best", self.best.as_deref().unwrap_or(&[])));
        let json = serde_json::to_value(&self.state).unwrap_or_default();
        checkpoints.write(self.state.steps, &Content { tensors, json })
    }

    /// Goes on from the latest checkpoint, if there is one.
    fn resume(&mut self, steps: u64, observer: &mut dyn Observer) -> Result<()> {
        let Some(checkpoints) = &self.checkpoints else {
            return Ok(());
        };
        let Some(content) = checkpoints.latest(steps)? else {
            return Ok(());
        };
        self.state = serde_json::from_value(content.json.clone())
            .map_err(|e| Error::setting("checkpoint", e.to_string()))?;
        let part = |prefix: &str| -> Vec<(String, Tensor)> {
            let own = |(name, tensor): &(String, Tensor)| {
                let rest = name.strip_prefix(prefix)?.strip_prefix('.')?;
                Some((rest.to_owned(), tensor.shallow_clone()))
            };
            content.tensors.iter().filter_map(own).collect()
        };
        self.model.load_state(&part("model"))?;
        let moments = Content {
            tensors: part("optimiser"),
            ..Content::default()
        };
        let device = self.model.device();
        let find = |name: &str| Ok(moments.tensor(name)?.f_to_device(device)?);
        self.adam.load(&self.state.optimiser, &find)?;
        self.model
            .define_gradients(&|name| self.state.optimiser.contains_key(name))?;
        self.best = Some(part("best")).filter(|best| !best.is_empty());
        let _ = self.loss.f_fill_(self.state.loss)?;
        tracing::info!("training goes on at step {}", self.state.steps);
        observer.resumed(&self.state.epochs)
    }
}

fn copies(model: &Model) -> Result<Vec<(String, Tensor)>> {
    let copy = |(name, tensor): (String, Tensor)| Ok((name, tensor.f_detach_copy()?));
    model.state()?.into_iter().map(copy).collect()
}

/// Whether all values are numbers; looks at the device once.
pub(crate) fn all_finite(tensors: &[(String, Tensor)]) -> Result<bool> {
    let _no_grad = tch::no_grad_guard();
    let sums = tensors
        .iter()
        .map(|(_, t)| t.f_to_kind(Kind::Float)?.f_abs()?.f_sum(Kind::Double))
        .collect::<std::result::Result<Vec<_>, _>>()?;
    match sums.is_empty() {
        true => Ok(true),
        false => Ok(Tensor::f_stack(&sums, 0)?
            .f_sum(Kind::Double)?
            .f_double_value(&[])?
            .is_finite()),
    }
}
