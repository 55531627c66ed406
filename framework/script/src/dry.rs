//! Dry runs: a script goes on from its mistakes as far as it can, so that all of them are told at once.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use lapidary_core::mistakes::noting;
use mlua::Lua;

use crate::error::Error;
use crate::session::Session;

/// Runs a script, and refuses it with all the mistakes that it could be led past and what ended it.
pub(crate) fn mistakes(
    lua: &Lua,
    script: &Path,
    source: &str,
    session: &Rc<Session>,
    run: impl FnOnce() -> mlua::Result<()>,
) -> Result<(), Error> {
    let noted = Rc::new(RefCell::new(Vec::new()));
    let (state, list) = (lua.clone(), Rc::clone(&noted));
    let (path, text) = (script.to_path_buf(), source.to_owned());
    let configs = Rc::clone(session);
    let sink = move |mistake: lapidary_core::Error| {
        let traceback = state.traceback(None, 0).map(|t| t.to_string_lossy());
        let traceback = traceback.unwrap_or_default();
        // Who calls through `pcall` deals with mistakes.
        if traceback.contains("'pcall'") || traceback.contains("'xpcall'") {
            return Err(mistake);
        }
        let noted = Error::noted(&path, &text, &traceback, mistake.to_string());
        let noted = noted.in_configs(&configs.configs.borrow());
        list.borrow_mut().push(noted);
        Ok(())
    };
    let ended = noting(sink, run);
    let mut found = noted.take();
    let refused = |e| Error::from_lua(script, source, &e).in_configs(&session.configs.borrow());
    match ended.map_err(refused) {
        Err(interrupt) if interrupt.is_interrupt() => return Err(interrupt),
        ended => found.extend(ended.err()),
    }
    Error::all(script, found).map_or(Ok(()), Err)
}
