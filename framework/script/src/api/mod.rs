//! The functions that a script can call, a module a concern. `API.md` describes each of them.

mod component;
mod config;
mod data;
mod described;
mod evaluation;
mod guided;
mod model;
mod precomputed;
mod prompt;
mod propose;
mod refined;
mod run;
mod search;
mod sweep;
mod tensor;
mod text;
mod tuned;

use std::rc::Rc;

use lapidary_core::{Error, mistakes};
use mlua::{Lua, Table, Value};
use tch::Device;

pub(crate) use described::{Described, objects, settings};
pub(crate) use tensor::TensorHandle;

use crate::convert::{raise, show};
use crate::heap::Heap;
use crate::session::Session;

/// Fills the global `lapidary`.
pub(crate) fn install(lua: &Lua, session: &Rc<Session>) -> mlua::Result<()> {
    let lapidary = lua.create_table()?;
    run::install(lua, &lapidary, session)?;
    config::install(lua, &lapidary, session)?;
    data::install(lua, &lapidary, session)?;
    component::install(lua, &lapidary, session)?;
    precomputed::install(lua, &lapidary, session)?;
    text::install(lua, &lapidary, session)?;
    prompt::install(lua, &lapidary, session)?;
    guided::install(lua, &lapidary)?;
    refined::install(lua, &lapidary, session)?;
    evaluation::install(lua, &lapidary, session)?;
    search::install(lua, &lapidary, session)?;
    sweep::install(lua, &lapidary, session)?;
    tensor::install(lua, &lapidary, &session.heap, session.context.device)?;
    tensor::install_files(lua, &lapidary, session)?;
    publish(lua, lapidary)
}

/// Fills the global `lapidary` of a component: tensors, and what they are trained with.
pub(crate) fn install_for_component(
    lua: &Lua,
    heap: &Rc<Heap>,
    device: Device,
) -> mlua::Result<()> {
    let lapidary = lua.create_table()?;
    lapidary.raw_set("version", env!("CARGO_PKG_VERSION"))?;
    tensor::install(lua, &lapidary, heap, device)?;
    tensor::install_gradients(lua, &lapidary, heap, device)?;
    lua.globals()
        .raw_set("print", lua.create_function(run::print)?)?;
    publish(lua, lapidary)
}

/// Makes the global, which refuses names that it does not have.
fn publish(lua: &Lua, lapidary: Table) -> mlua::Result<()> {
    let strict = lua.create_table()?;
    strict.raw_set("__index", lua.create_function(no_such_name)?)?;
    lapidary.set_metatable(Some(strict))?;
    lua.globals().raw_set("lapidary", lapidary)
}

/// Refuses names that `lapidary` does not have, with the nearest that it has.
fn no_such_name(_: &Lua, (lapidary, name): (Table, Value)) -> mlua::Result<Value> {
    let name = match &name {
        Value::String(text) => text.to_string_lossy(),
        other => show(other),
    };
    let known = lapidary.pairs::<String, Value>();
    let known: Vec<String> = known
        .map(|pair| pair.map(|(known, _)| known))
        .collect::<mlua::Result<_>>()?;
    let mut error = Error::unknown("name", &name, known);
    if let Error::Unknown { note, .. } = &mut error {
        " of `lapidary`".clone_into(note);
    }
    let meant = mistakes::nearest(error).map_err(raise)?;
    lapidary.raw_get(meant)
}
