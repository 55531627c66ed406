//! What a person types, a piece at a time, in the sandbox and with the session of a script.

mod call;
mod complete;
mod help;
mod locals;
mod show;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

use lapidary_core::plugin::Registry;
use lapidary_core::run::Outcome;
use mlua::{Function, Lua, MultiValue, Table, Value};

use crate::error::Error;
use crate::session::Session;
use crate::{Options, api, sandbox};

/// Tells of a component by name, as `lapidary describe` does; nothing where there is none.
pub type Describe = Rc<dyn Fn(&Registry, &str) -> Option<String>>;

/// What became of an input.
#[derive(Debug)]
pub enum Answer {
    /// It is not whole yet: more lines belong to it.
    Incomplete,
    /// It ran; what it returned, as text, where it returned anything.
    Done(Option<String>),
    /// It failed.
    Failed(Error),
}

/// The name of the script that is being typed.
const NAME: &str = "repl";

/// The names of the locals that were typed: they are known while they are nil, too.
type Declared = Rc<RefCell<BTreeSet<String>>>;

/// A session in which inputs run one after the other; each sees what those before it left.
///
/// The run's folder holds what was typed and did not fail as `script.lua`.
pub struct Repl {
    lua: Lua,
    session: Rc<Session>,
    describe: Describe,
    typed: String,
    declared: Declared,
}

impl Repl {
    /// Opens the store, makes the run's folder and a sandbox.
    ///
    /// # Errors
    /// When one cannot be made.
    pub fn start(options: Options, describe: Describe) -> Result<Self, Error> {
        let path = Path::new(NAME);
        let declared = Declared::default();
        let lua = sandbox::new_state().and_then(|lua| know(&lua, &declared).map(|()| lua));
        let lua = lua.map_err(|e| Error::from_lua(path, "", &e))?;
        let repl = Self {
            lua,
            session: Rc::new(Session::start(path, "", options)?),
            describe,
            typed: String::new(),
            declared,
        };
        repl.install()?;
        Ok(repl)
    }

    fn install(&self) -> Result<(), Error> {
        let installed = api::install(&self.lua, &self.session)
            .and_then(|()| help::install(&self.lua, &self.session, &self.describe));
        installed.map_err(|e| Error::from_lua(Path::new(NAME), "", &e))
    }

    /// Takes up other components. What was made before keeps those that it was made with.
    ///
    /// # Errors
    /// When the store cannot be opened again.
    pub fn renew(&mut self, registry: Registry) -> Result<(), Error> {
        self.session = Rc::new(self.session.renewed(registry)?);
        self.install()
    }

    /// Runs an input of one or more lines.
    pub fn input(&mut self, text: &str) -> Answer {
        let plain = text.trim();
        if plain.is_empty() {
            return Answer::Done(None);
        }
        let code = match plain.strip_prefix(":help") {
            Some(name) => format!("help({:?})", name.trim()),
            None => plain.to_owned(),
        };
        let (function, locals) = match self.compile(&code) {
            Ok(Some(compiled)) => compiled,
            Ok(None) => return Answer::Incomplete,
            Err(error) => return Answer::Failed(error),
        };
        self.declared.borrow_mut().extend(locals);
        let shown = function
            .call::<MultiValue>(())
            .and_then(|values| self.show(values));
        match shown {
            Ok(shown) => match self.keep(text) {
                Ok(()) => Answer::Done(shown),
                Err(error) => Answer::Failed(error),
            },
            Err(error) => Answer::Failed(Error::from_lua(Path::new(NAME), "", &error)),
        }
    }

    /// Whether more lines belong to an input.
    pub fn is_incomplete(&self, text: &str) -> bool {
        matches!(self.compile(text.trim()), Ok(None))
    }

    /// An expression is returned; anything else runs, and its locals stay known: their names come with it.
    fn compile(&self, code: &str) -> Result<Option<(Function, Vec<String>)>, Error> {
        let load = |text: &str| {
            let chunk = self.lua.load(text).set_name(format!("={NAME}"));
            chunk.into_function()
        };
        if let Ok(function) = load(&format!("return {code}")) {
            return Ok(Some((function, Vec::new())));
        }
        let (kept, locals) = locals::kept(code);
        match load(code).and_then(|_| load(&kept)) {
            Ok(function) => Ok(Some((function, locals))),
            Err(mlua::Error::SyntaxError {
                incomplete_input: true,
                ..
            }) => Ok(None),
            Err(error) => Err(Error::from_lua(Path::new(NAME), "", &error)),
        }
    }

    fn show(&self, values: MultiValue) -> mlua::Result<Option<String>> {
        if values.is_empty() {
            return Ok(None);
        }
        let texts = values.iter().map(|value| show::show(&self.lua, value));
        let texts: Vec<String> = texts.collect::<mlua::Result<_>>()?;
        let line = texts.iter().any(|text| text.contains('\n'));
        Ok(Some(texts.join(if line { "\n" } else { "\t" })))
    }

    fn keep(&mut self, text: &str) -> Result<(), Error> {
        if !text.trim_start().starts_with(":help") {
            self.typed.push_str(text.trim_end());
            self.typed.push('\n');
            self.session.context.folder.rewrite_script(&self.typed)?;
        }
        Ok(())
    }

    /// How the word before the cursor may go on: where it begins, and what may stand there.
    pub fn complete(&self, line: &str) -> (usize, Vec<String>) {
        complete::complete(&self.lua, &self.session.context.registry, line)
    }

    /// Ends the session.
    ///
    /// # Errors
    /// When `run.json` cannot be written, or `--set` gave a setting that no input asked for.
    pub fn finish(&self) -> Result<(), Error> {
        self.session.context.folder.finish(&Outcome::Done)?;
        self.session.refuse_unused_settings()
    }
}

/// Lets declared names be nil; others that nobody has set are refused as in a script.
fn know(lua: &Lua, declared: &Declared) -> mlua::Result<()> {
    let Some(strict) = lua.globals().metatable() else {
        return Ok(());
    };
    let refuse: Function = strict.raw_get("__index")?;
    let declared = Rc::clone(declared);
    let index = move |_: &Lua, (globals, name): (Table, Value)| match &name {
        Value::String(known) if declared.borrow().contains(&known.to_string_lossy()) => {
            Ok(Value::Nil)
        }
        _ => refuse.call::<Value>((globals, name)),
    };
    strict.raw_set("__index", lua.create_function(index)?)
}

/// The value of a name such as `lapidary.seed` or `models.best`, found without running anything.
fn look_up(lua: &Lua, path: &[&str]) -> Value {
    let mut at = Value::Table(lua.globals());
    for part in path {
        at = match &at {
            Value::Table(table) => table.raw_get(*part).unwrap_or(Value::Nil),
            _ => Value::Nil,
        };
    }
    at
}
