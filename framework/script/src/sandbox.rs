//! The Lua state of a script: a chosen library set, a memory limit, and a hook that stops on interrupt.

use lapidary_core::interrupt;
use mlua::{HookTriggers, Lua, LuaOptions, StdLib, VmState};

use crate::convert::raise;

/// Bytes that Lua itself may hold; tensors are counted apart.
const LUA_LIMIT: usize = 1 << 30;
const INSTRUCTIONS_BETWEEN_CHECKS: u32 = 10_000;

/// A state without `io`, `os`, `package`, `debug` and C modules.
pub(crate) fn new_state() -> mlua::Result<Lua> {
    let libraries =
        StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::UTF8 | StdLib::COROUTINE;
    let lua = Lua::new_with(libraries, LuaOptions::default())?;
    lua.set_memory_limit(LUA_LIMIT)?;
    for unsafe_name in ["dofile", "loadfile", "collectgarbage", "load"] {
        lua.globals().raw_remove(unsafe_name)?;
    }
    lua.set_global_hook(
        HookTriggers::new().every_nth_instruction(INSTRUCTIONS_BETWEEN_CHECKS),
        |_, _| match interrupt::check() {
            Ok(()) => Ok(VmState::Continue),
            Err(e) => Err(raise(e)),
        },
    )?;
    Ok(lua)
}
