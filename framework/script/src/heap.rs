//! Counts the bytes of tensors that Lua holds, so that Lua's collector runs in time and a script has a limit.
//!
//! Lua sees a tensor as a few bytes; without this count it would keep thousands of dead ones.

use std::cell::Cell;
use std::rc::Rc;

use lapidary_core::Error;
use mlua::Lua;

use crate::convert::raise;

/// A collection runs when this many bytes came since the last one.
const FIRST_STEP: usize = 64 << 20;

/// Bytes held by tensors of one Lua state.
#[derive(Debug)]
pub(crate) struct Heap {
    held: Cell<usize>,
    collect_at: Cell<usize>,
    limit: usize,
    gradients: bool,
}

/// Bytes of one tensor; they count until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    heap: Rc<Heap>,
    bytes: usize,
}

impl Heap {
    /// A heap that refuses to grow over `limit` bytes.
    pub fn new(limit: usize) -> Rc<Self> {
        Rc::new(Self {
            held: Cell::new(0),
            collect_at: Cell::new(FIRST_STEP),
            limit,
            gradients: false,
        })
    }

    /// A heap of a state whose tensors carry gradients wherever the host asks for them.
    pub fn with_gradients(limit: usize) -> Rc<Self> {
        Rc::new(Self {
            held: Cell::new(0),
            collect_at: Cell::new(FIRST_STEP),
            limit,
            gradients: true,
        })
    }

    /// Computes with tensors of this heap: without gradients, unless they are its purpose.
    pub fn compute<T>(&self, work: impl FnOnce() -> T) -> T {
        match self.gradients {
            true => work(),
            false => tch::no_grad(work),
        }
    }

    /// Counts `bytes` more; collects garbage first when it is time.
    pub fn hold(self: &Rc<Self>, lua: &Lua, bytes: usize) -> mlua::Result<Held> {
        if self.held.get() + bytes > self.collect_at.get() {
            lua.gc_collect()?;
            self.collect_at
                .set((self.held.get() + bytes).max(FIRST_STEP / 2) * 2);
        }
        self.refuse_over_limit(lua, bytes)?;
        self.held.set(self.held.get() + bytes);
        Ok(Held {
            heap: Rc::clone(self),
            bytes,
        })
    }

    /// Refuses `bytes` more where the limit does not allow them; ask before they are taken.
    pub fn refuse_over_limit(&self, lua: &Lua, bytes: usize) -> mlua::Result<()> {
        let needed = || self.held.get().saturating_add(bytes);
        if needed() > self.limit {
            lua.gc_collect()?;
        }
        let held = needed();
        if held <= self.limit {
            return Ok(());
        }
        let reason = format!(
            "tensors of this script would need {} MiB; the limit is {} MiB",
            held >> 20,
            self.limit >> 20
        );
        Err(raise(Error::setting("memory", reason)))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.heap
            .held
            .set(self.heap.held.get().saturating_sub(self.bytes));
    }
}
