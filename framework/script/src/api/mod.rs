//! The functions that a script can call, a module a concern. `API.md` describes each of them.

mod component;
mod data;
mod evaluation;
mod guided;
mod model;
mod refined;
mod run;
mod tensor;

use std::rc::Rc;

use mlua::{Lua, Table};

use crate::session::Session;

/// Fills the global `lapidary`.
pub(crate) fn install(lua: &Lua, session: &Rc<Session>) -> mlua::Result<()> {
    let lapidary = lua.create_table()?;
    let modules: [fn(&Lua, &Table, &Rc<Session>) -> mlua::Result<()>; 7] = [
        run::install,
        data::install,
        component::install,
        guided::install,
        refined::install,
        evaluation::install,
        tensor::install,
    ];
    for module in modules {
        module(lua, &lapidary, session)?;
    }
    lua.globals().raw_set("lapidary", lapidary)
}
