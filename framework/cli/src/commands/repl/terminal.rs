//! The terminal's side: a prompt, history, completion, input of several lines.

use std::cell::RefCell;
use std::env;
use std::path::{Path, PathBuf};

use lapidary_core::interrupt;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::Session;
use crate::failure::Failure;
use crate::{args, output, signals};

const PROMPT: &str = "> ";
/// Inputs that the history keeps.
const KEPT: usize = 10_000;

/// Answers until Ctrl-D, `exit` or `quit`.
pub(super) fn run(command: args::Repl) -> Result<(), Failure> {
    let failed = |e: ReadlineError| Failure::failed(format!("the terminal cannot be read: {e}"));
    let config = Config::builder()
        .completion_type(CompletionType::List)
        .max_history_size(KEPT)
        .map_err(failed)?
        .auto_add_history(true)
        .build();
    let mut editor: Editor<Typed, FileHistory> = Editor::with_config(config).map_err(failed)?;
    // After the editor, which takes the handler of SIGINT for itself when it is made.
    signals::listen()?;
    let session = Session::start(command)?;
    editor.set_helper(Some(Typed(RefCell::new(session))));
    let mut history = history_file();
    if let Some(path) = &history {
        // There is none before the first session.
        let _ = editor.load_history(path);
    }
    output::remark(concat!(
        "Lapidary ",
        env!("CARGO_PKG_VERSION"),
        ". help() lists what there is, Tab completes, Ctrl-C stops a call, Ctrl-D or `exit` ends."
    ));
    loop {
        match editor.readline(PROMPT) {
            Ok(text) if is_end(&text) => break,
            Ok(text) => {
                // Before the answer, which may end the program.
                history = history.filter(|path| keep(&mut editor, path));
                if let Some(Typed(session)) = editor.helper()
                    && let Err(failure) = session.borrow_mut().answer(&text)
                {
                    failure.report();
                }
            }
            Err(ReadlineError::Interrupted) => interrupt::clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    match editor.helper() {
        Some(Typed(session)) => session.borrow().end(),
        None => Ok(()),
    }
}

/// Whether an input asks for the end as it would elsewhere.
fn is_end(text: &str) -> bool {
    matches!(text.trim(), "exit" | "exit()" | "quit" | "quit()")
}

/// Adds the last input to the history; false where that cannot be, which is told.
fn keep(editor: &mut Editor<Typed, FileHistory>, path: &Path) -> bool {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let kept = folder
        .map_err(ReadlineError::from)
        .and_then(|()| editor.append_history(path));
    if let Err(error) = &kept {
        output::remark(&format!(
            "{}: the history cannot be kept: {error}",
            path.display()
        ));
    }
    kept.is_ok()
}

/// `lapidary/history` in the user's folder of states.
fn history_file() -> Option<PathBuf> {
    let named = env::var_os("XDG_STATE_HOME").filter(|dir| !dir.is_empty());
    let state = match named {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env::var_os("HOME")?).join(".local/state"),
    };
    Some(state.join("lapidary/history"))
}

/// What is typed, as the editor asks for it.
struct Typed(RefCell<Session>);

impl Completer for Typed {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        place: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let before = line.get(..place).unwrap_or(line);
        Ok(self.0.borrow().repl.complete(before))
    }
}

impl Validator for Typed {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(match self.0.borrow().repl.is_incomplete(context.input()) {
            true => ValidationResult::Incomplete,
            false => ValidationResult::Valid(None),
        })
    }
}

impl Highlighter for Typed {}

impl Hinter for Typed {
    type Hint = String;
}

impl Helper for Typed {}
