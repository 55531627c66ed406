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

use mlua::Lua;

use crate::session::Session;

/// Fills the global `lapidary`.
pub(crate) fn install(lua: &Lua, session: &Rc<Session>) -> mlua::Result<()> {
    let lapidary = lua.create_table()?;
    run::install(lua, &lapidary, session)?;
    data::install(lua, &lapidary, session)?;
    component::install(lua, &lapidary, session)?;
    guided::install(lua, &lapidary, session)?;
    refined::install(lua, &lapidary, session)?;
    evaluation::install(lua, &lapidary, session)?;
    tensor::install(lua, &lapidary, session)?;
    lua.globals().raw_set("lapidary", lapidary)
}
