//! Fine-tuned language models.

use std::rc::Rc;

use lapidary_core::pipeline::Tuned;
use mlua::{UserData, UserDataFields, UserDataMethods};

use super::component::LlmHandle;
use crate::convert::to_lua;
use crate::object::{Object, name_it, refuse_others};
use crate::session::Session;

/// A fine-tuned language model; without an adapter in a dry run.
pub(super) struct TunedHandle {
    tuned: Tuned,
    session: Rc<Session>,
}

impl TunedHandle {
    pub fn new(session: &Rc<Session>, tuned: Tuned) -> Self {
        Self {
            tuned,
            session: Rc::clone(session),
        }
    }
}

impl Object for TunedHandle {
    const NAME: &'static str = "a fine-tuned language model";
    const RECEIVER: &'static str = "tuned";
    const FROM: &'static str = "prompt:fine_tune(llm, split, guided)";
    const MEMBERS: &'static [&'static str] = &["llm", "fingerprint", "folder", "history"];
}

impl UserData for TunedHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("llm", |_, t| {
            Ok(LlmHandle::new(&t.session, Rc::clone(&t.tuned.llm)))
        });
        fields.add_field_method_get("fingerprint", |_, t| Ok(t.tuned.fingerprint.to_string()));
        fields.add_field_method_get("folder", |_, t| {
            let folder = t.tuned.folder.as_ref();
            Ok(folder.map(|f| f.display().to_string()))
        });
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method("history", |lua, t, ()| to_lua(lua, &t.tuned.history));
    }
}
