//! Curves: `metrics.jsonl`, and the same numbers for TensorBoard.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::events;
use super::folder::{RunFolder, plain_name};
use crate::error::{Error, Result};

/// Where in a stage values were measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// After so many epochs.
    Epoch(u64),
    /// After so many optimiser steps, batches or the like.
    Step(u64),
    /// At the end of the stage.
    End,
}

impl RunFolder {
    /// Adds a line to `metrics.jsonl` and, unless `at` is [`Point::End`], a point to each value's curve in
    /// `tensorboard/STAGE/`. Stages that differ in their seed alone should have different names: TensorBoard draws
    /// the same value of several stages into one picture.
    ///
    /// A value that is not finite stands as null in `metrics.jsonl`, which knows no such numbers.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn metrics(&self, stage: &str, at: Point, values: &[(&str, f64)]) -> Result<()> {
        let time = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0.0, |t| t.as_secs_f64());
        let mut line = Map::new();
        line.insert("time".to_owned(), json!(time));
        line.insert("stage".to_owned(), stage.into());
        match at {
            Point::Epoch(n) => line.insert("epoch".to_owned(), n.into()),
            Point::Step(n) => line.insert("step".to_owned(), n.into()),
            Point::End => None,
        };
        let values_object: Map<_, _> = (values.iter())
            .map(|(name, value)| ((*name).to_owned(), json!(value)))
            .collect();
        line.insert("values".to_owned(), values_object.into());

        // The lock also keeps lines of two threads apart.
        let mut curves = self.curves.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{}\n", Value::Object(line));
        append(self.inside("metrics.jsonl")?, line.as_bytes())?;
        let (Point::Epoch(step) | Point::Step(step)) = at else {
            return Ok(());
        };
        if !curves.contains_key(stage) {
            let path = self.new_curve(stage, time)?;
            append(path.clone(), &events::header(time))?;
            curves.insert(stage.to_owned(), path);
        }
        match curves.get(stage) {
            Some(path) => append(path.clone(), &events::scalars(time, step as i64, values)),
            None => Ok(()),
        }
    }

    /// A folder of its own for each stage, also when two names differ only in letters that a file name cannot have.
    fn new_curve(&self, stage: &str, time: f64) -> Result<PathBuf> {
        let plain = plain_name(stage);
        let mut number = 1;
        loop {
            let folder = match number {
                1 if !plain.is_empty() => format!("tensorboard/{plain}"),
                n => format!("tensorboard/{plain}-{n}"),
            };
            let file = format!("{folder}/events.out.tfevents.{}.lapidary", time as u64);
            let path = self.inside(&file)?;
            let folder = self.path().join(folder);
            if !folder.exists() {
                fs::create_dir_all(&folder).map_err(Error::io(&folder))?;
                return Ok(path);
            }
            number += 1;
        }
    }
}

fn append(path: PathBuf, bytes: &[u8]) -> Result<()> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(Error::io(path))
}
