//! `lapidary repl`

mod terminal;

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use lapidary_core::files::Stamp;
use lapidary_core::interrupt;
use lapidary_script::{Answer, Options, Repl};

use super::describe;
use super::run::{child, choose_device};
use crate::args;
use crate::failure::Failure;
use crate::{components, output, places, signals};

/// Reads inputs from a terminal or from standard input, and answers them.
///
/// # Errors
/// What the user must be told; without a terminal also that an input failed.
pub fn execute(command: args::Repl) -> Result<(), Failure> {
    if let Some(threads) = command.threads {
        tch::set_num_threads(threads);
    }
    if std::io::stdin().is_terminal() {
        return terminal::run(command);
    }
    signals::listen()?;
    let mut session = Session::start(command)?;
    let read = session.read_lines();
    session.end().and(read)
}

/// The session, and the components' files as they were when they were read.
struct Session {
    repl: Repl,
    search: args::Search,
    files: Vec<(PathBuf, Stamp)>,
}

impl Session {
    fn start(command: args::Repl) -> Result<Self, Failure> {
        let files = components::files(&command.search, Path::new("."));
        let device = choose_device(&command.device)?;
        let options = Options {
            child: child(device, &command.keep.store, &command.search)?,
            told: None,
            device,
            seed: command.seed,
            dry_run: false,
            set: command.set,
            store: command.keep.store,
            runs: command.runs,
            registry: found(&command.search)?,
            model_dirs: places::model_dirs(),
            command: std::env::args_os()
                .map(|part| part.to_string_lossy().into_owned())
                .collect(),
            reads: None,
        };
        Ok(Self {
            repl: Repl::start(options, Rc::new(describe::texts))?,
            search: command.search,
            files,
        })
    }

    /// Answers an input; false when more lines belong to it. Plugins and components that changed are taken up before.
    fn answer(&mut self, text: &str) -> Result<bool, Failure> {
        self.renew()?;
        let answer = self.repl.input(text);
        // An interrupt was for this input.
        interrupt::clear();
        match answer {
            Answer::Incomplete => return Ok(false),
            Answer::Done(None) => {}
            Answer::Done(Some(shown)) => output::print(&format!("{shown}\n"))?,
            Answer::Failed(error) if error.is_interrupt() => output::remark("interrupted"),
            Answer::Failed(error) => return Err(Failure::from(error)),
        }
        Ok(true)
    }

    fn renew(&mut self) -> Result<(), Failure> {
        let files = components::files(&self.search, Path::new("."));
        if files == self.files {
            return Ok(());
        }
        let new = files.iter().filter(|file| !self.files.contains(file));
        let names: Vec<String> = new.map(|(path, _)| path.display().to_string()).collect();
        self.files = files;
        self.repl.renew(found(&self.search)?)?;
        output::remark(&match names.is_empty() {
            true => "components were taken away".to_owned(),
            false => format!("taken up anew: {}", names.join(", ")),
        });
        Ok(())
    }

    /// Answers what comes from standard input, to its end.
    fn read_lines(&mut self) -> Result<(), Failure> {
        let mut failed = false;
        let mut pending = String::new();
        for line in std::io::stdin().lock().lines() {
            let line = line.map_err(|e| Failure::failed(format!("standard input: {e}")))?;
            pending.push_str(&line);
            pending.push('\n');
            match self.answer(&pending) {
                Ok(false) => continue,
                Ok(true) => {}
                Err(failure) => {
                    failure.report();
                    failed = true;
                }
            }
            pending.clear();
        }
        match (failed, pending.trim().is_empty()) {
            (_, false) => Err(Failure::failed(
                "the last input is not whole: it ends too early",
            )),
            (true, true) => Err(Failure::told()),
            (false, true) => Ok(()),
        }
    }

    fn end(&self) -> Result<(), Failure> {
        Ok(self.repl.finish()?)
    }
}

/// All components; those that are refused are told.
fn found(search: &args::Search) -> Result<lapidary_core::plugin::Registry, Failure> {
    let found = components::load_here(search)?;
    for refused in &found.report.refused {
        tracing::warn!("refused: {}", refused.error);
    }
    Ok(found.registry)
}
