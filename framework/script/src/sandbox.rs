//! The Lua state of a script: a chosen library set, a memory limit, and a hook that stops on interrupt.

use lapidary_core::{interrupt, suggest};
use mlua::{HookTriggers, Lua, LuaOptions, StdLib, Table, Value, VmState};

use crate::convert::raise;

/// Bytes that Lua itself may hold; tensors are counted apart.
const LUA_LIMIT: usize = 1 << 30;
const INSTRUCTIONS_BETWEEN_CHECKS: u32 = 10_000;

/// What scripts of other places use, and what there is here instead.
const ABSENT: [(&str, &str); 8] = [
    (
        "io",
        "data sets and vectors are read by `lapidary`, and `lapidary.write` writes into the run's folder",
    ),
    ("os", "`lapidary.setting` reads what `--set` gives"),
    (
        "require",
        "a script is one file; components lie in `components/` beside it",
    ),
    (
        "dofile",
        "a script is one file; components lie in `components/` beside it",
    ),
    (
        "loadfile",
        "a script is one file; components lie in `components/` beside it",
    ),
    ("load", "text is not run as Lua"),
    ("debug", "errors name the lines that led to them"),
    (
        "package",
        "a script is one file; components lie in `components/` beside it",
    ),
];

/// Refuses names that nobody has set, with the nearest: in Lua they would be `nil`, and fail somewhere else.
fn refuse_unknown_globals(lua: &Lua) -> mlua::Result<()> {
    let unknown = |_: &Lua, (globals, name): (Table, Value)| -> mlua::Result<()> {
        let Value::String(name) = &name else {
            return Ok(());
        };
        let name = name.to_string_lossy();
        if let Some((_, instead)) = ABSENT.iter().find(|(absent, _)| *absent == name) {
            let text = format!("`{name}` is not there in scripts: {instead}");
            return Err(mlua::Error::runtime(text));
        }
        let known = globals
            .pairs::<Value, Value>()
            .filter_map(|pair| match pair {
                Ok((Value::String(known), _)) => Some(known.to_string_lossy()),
                _ => None,
            });
        let near = suggest::nearest(&name, &known.collect::<Vec<_>>());
        let guess = match near.is_empty() {
            true => "; nothing has set it before this line".to_owned(),
            false => suggest::phrase(&near, &[]),
        };
        Err(mlua::Error::runtime(format!(
            "unknown name `{name}`{guess}"
        )))
    };
    let strict = lua.create_table()?;
    strict.raw_set("__index", lua.create_function(unknown)?)?;
    lua.globals().set_metatable(Some(strict))
}

/// A state without `io`, `os`, `package`, `debug` and C modules.
pub(crate) fn new_state() -> mlua::Result<Lua> {
    let libraries =
        StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::UTF8 | StdLib::COROUTINE;
    let lua = Lua::new_with(libraries, LuaOptions::default())?;
    lua.set_memory_limit(LUA_LIMIT)?;
    for unsafe_name in ["dofile", "loadfile", "collectgarbage", "load"] {
        lua.globals().raw_remove(unsafe_name)?;
    }
    refuse_unknown_globals(&lua)?;
    lua.set_global_hook(
        HookTriggers::new().every_nth_instruction(INSTRUCTIONS_BETWEEN_CHECKS),
        |_, _| match interrupt::check() {
            Ok(()) => Ok(VmState::Continue),
            Err(e) => Err(raise(e)),
        },
    )?;
    Ok(lua)
}
