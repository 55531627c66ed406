//! Sweeps: another script, run with many settings in processes of their own.

use std::ffi::OsString;
use std::path::PathBuf;
use std::rc::Rc;

use lapidary_core::run::in_one_line;
use lapidary_core::sweep::{Row, Rows, SweepSettings, Task, Trial, run_all, trials};
use lapidary_core::{Error, Result, progress, settings, suggest};
use mlua::{Lua, MetaMethod, Table, UserData, UserDataFields, UserDataMethods};
use serde_json::{Value as Json, json};

use crate::convert::{raise, settings_of, to_lua};
use crate::object::{Object, name_it, refuse_others};
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let sweep = move |_: &Lua, given: Table| {
        let given = settings_of(Some(&given), "sweep")?;
        Sweep::new(&s, given).and_then(Sweep::run).map_err(raise)
    };
    api.raw_set("sweep", lua.create_function(sweep)?)
}

/// A sweep that runs, or ran.
pub(super) struct Sweep {
    session: Rc<Session>,
    wanted: SweepSettings,
    script: PathBuf,
    trials: Vec<Trial>,
    rows: Rows,
}

impl Sweep {
    fn new(session: &Rc<Session>, given: Json) -> Result<Self> {
        let wanted = settings::read_checked(given, "sweep", SweepSettings::problems)?;
        let seeds: &[u64] = match wanted.seeds.is_empty() {
            true => session.seed.as_slice(),
            false => &wanted.seeds,
        };
        let trials = trials(&wanted.settings, seeds)?;
        let refuse = |reason: &str| Err(Error::setting("sweep", reason));
        if session.child.is_empty() {
            return refuse("this program cannot start runs of its own; use `lapidary run`");
        }
        if session.is_of_sweep {
            return refuse("this run belongs to a sweep itself, and may not start another");
        }
        let script = session.find(&wanted.script)?;
        if !script.is_file() {
            let reason = format!("{}: not a file", script.display());
            return Err(Error::setting("sweep.script", reason));
        }
        let rows = Rows {
            rows: trials.iter().cloned().map(Row::waiting).collect(),
            metrics: wanted.metrics.clone(),
        };
        let sweep = Self {
            session: Rc::clone(session),
            wanted,
            script,
            trials,
            rows,
        };
        sweep.note()?;
        Ok(sweep)
    }

    /// Runs everything; a run that fails is told in its row.
    fn run(mut self) -> Result<Self> {
        let tasks: Vec<Task> = (self.trials.iter().enumerate())
            .map(|(number, trial)| self.task(number, trial))
            .collect::<Result<_>>()?;
        let stage = progress::begin(&self.wanted.name, tasks.len() as u64);
        let (mut done, mut failed) = (0, 0);
        run_all(&tasks, self.wanted.at_once, |number, ended| {
            if let Some(reason) = &ended.failed {
                failed += 1;
                // A dry run tells all of them at its end.
                if !self.session.context.dry_run {
                    tracing::warn!("{} failed: {}", self.named(number), indented(reason));
                }
            }
            done += 1;
            self.rows.rows[number].end(ended)?;
            stage.update(done, &format!("{failed} failed"));
            self.note()?;
            self.write()
        })?;
        // Its last line stands before what is said below.
        drop(stage);
        if self.session.context.dry_run {
            return match self.failures("would fail") {
                Some(told) => Err(Error::setting("sweep", told)),
                None => Ok(self),
            };
        }
        if failed == tasks.len() {
            return Err(self.all_failed());
        }
        if failed > 0 {
            let runs = tasks.len();
            let printed = self.session.context.folder.path().join(self.place());
            let printed = printed.display();
            tracing::warn!("{failed} of {runs} runs failed; what they printed is in {printed}");
        }
        for missing in self.rows.missing() {
            let known = self.rows.known();
            let near = suggest::phrase(&suggest::nearest(missing, &known), &known);
            tracing::warn!("sweep.metrics: no run has a figure `{missing}`{near}");
        }
        Ok(self)
    }

    /// How a run is started: as this one was, with settings, seed, and a share of the threads.
    fn task(&self, number: usize, trial: &Trial) -> Result<Task> {
        let context = &self.session.context;
        let at_once = self.wanted.at_once.min(self.trials.len()).max(1);
        let threads = (self.session.threads / at_once).max(1);
        let mut command = self.session.child.clone();
        command.push(self.script.clone().into_os_string());
        command.extend(["--threads".into(), threads.to_string().into()]);
        for (name, value) in &trial.settings {
            let value = match value {
                Json::String(text) => text.clone(),
                other => other.to_string(),
            };
            command.extend(["--set".into(), OsString::from(format!("{name}={value}"))]);
        }
        if let Some(seed) = trial.seed {
            command.extend(["--seed".into(), seed.to_string().into()]);
        }
        let name = format!("{}/{:03}", self.place(), number + 1);
        let file = context.folder.file(&name)?;
        let runs = match context.dry_run {
            true => file.with_file_name("runs"),
            false => self.session.runs.clone(),
        };
        command.extend(["--runs".into(), runs.into_os_string()]);
        if context.dry_run {
            command.push("--dry-run".into());
        }
        Ok(Task {
            command,
            files: file,
        })
    }

    /// Where the run's folder holds what its runs print.
    fn place(&self) -> String {
        format!("sweeps/{}", self.wanted.name)
    }

    fn note(&self) -> Result<()> {
        let runs: Vec<Json> = self.rows.rows.iter().map(Row::json).collect();
        let note = json!({"script": self.script, "settings": self.wanted, "runs": runs});
        let folder = &self.session.context.folder;
        folder.record_in("sweeps", &self.wanted.name, note)
    }

    /// Writes the tables, and the same as JSON.
    fn write(&self) -> Result<()> {
        let (folder, name) = (&self.session.context.folder, &self.wanted.name);
        folder.write_table(name, &self.rows.table()?)?;
        if let Some(means) = self.rows.means()? {
            folder.write_table(&format!("{name}_means"), &means)?;
        }
        let text = serde_json::to_string_pretty(&self.runs());
        let text = text.map_err(|e| Error::setting("sweep", e.to_string()))?;
        folder.write_text(&format!("tables/{name}.json"), &text)?;
        Ok(())
    }

    fn runs(&self) -> Json {
        self.rows.rows.iter().map(Row::json).collect()
    }

    /// `run 3 (dim=64, seed 1)`
    fn named(&self, number: usize) -> String {
        let trial = &self.trials[number];
        let settings = trial.settings.iter();
        let mut parts: Vec<String> = settings
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        parts.extend(trial.seed.map(|seed| format!("seed {seed}")));
        match parts.is_empty() {
            true => format!("run {}", number + 1),
            false => format!("run {} ({})", number + 1, parts.join(", ")),
        }
    }

    /// How many runs failed, or would fail, and below that each with all that was wrong.
    fn failures(&self, failed: &str) -> Option<String> {
        let rows = self.rows.rows.iter().enumerate();
        let told = rows.filter_map(|(n, row)| {
            let reason = indented(row.failed.as_ref()?);
            Some(format!("{}: {reason}", self.named(n)))
        });
        let told: Vec<String> = told.collect();
        if told.is_empty() {
            return None;
        }
        let head = format!("{} of {} runs {failed}:", told.len(), self.trials.len());
        Some(indented(&format!("{head}\n{}", told.join("\n"))))
    }

    fn all_failed(&self) -> Error {
        let first = self.rows.rows.iter().find_map(|row| row.failed.as_deref());
        let reason = format!(
            "all {} runs failed, the first because: {}",
            self.trials.len(),
            in_one_line(first.unwrap_or_default())
        );
        Error::setting("sweep", reason)
    }

    fn text(&self) -> Result<String> {
        if self.session.context.dry_run {
            return Ok(format!("dry run: {} runs were checked", self.trials.len()));
        }
        let table = match self.rows.means()? {
            Some(means) => means,
            None => self.rows.outcomes()?,
        };
        let failures = self.failures("failed");
        let failures = failures.map(|told| format!("\n{told}\n"));
        Ok(table.markdown() + &failures.unwrap_or_default())
    }
}

/// A message whose later lines stand indented below its first.
fn indented(message: &str) -> String {
    message.replace('\n', "\n  ")
}

impl Object for Sweep {
    const NAME: &'static str = "a sweep";
    const RECEIVER: &'static str = "sweep";
    const FROM: &'static str = "lapidary.sweep { … }";
    const MEMBERS: &'static [&'static str] = &["runs"];
}

impl UserData for Sweep {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("runs", |lua, sweep| to_lua(lua, &sweep.runs()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_meta_method(MetaMethod::ToString, |_, sweep, ()| {
            sweep.text().map_err(raise)
        });
    }
}
