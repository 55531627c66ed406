//! Data sets, their splits, and the parts of a split.

use std::rc::Rc;

use lapidary_core::data::{
    Case, CaseSet, Dataset, LeaveOneOut, Split, Temporal, leave_one_out, temporal,
};
use lapidary_core::{Error, Result};
use mlua::{Lua, MetaMethod, Table, UserData, UserDataFields, UserDataMethods};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::tensor::TensorHandle;
use crate::convert::{raise, read, read_checked, to_lua};
use crate::object::{Object, name_it, refuse_others};
use crate::session::Session;

pub(super) fn install(lua: &Lua, api: &Table, session: &Rc<Session>) -> mlua::Result<()> {
    let s = Rc::clone(session);
    let dataset = move |_: &Lua, path: String| {
        let data = s.dataset(&path).map_err(raise)?;
        Ok(DatasetHandle {
            data: Rc::new(data),
            session: Rc::clone(&s),
        })
    };
    api.raw_set("dataset", lua.create_function(dataset)?)
}

/// A data set.
pub(super) struct DatasetHandle {
    pub data: Rc<Dataset>,
    session: Rc<Session>,
}

impl Object for DatasetHandle {
    const NAME: &'static str = "a data set";
    const RECEIVER: &'static str = "data";
    const FROM: &'static str = "lapidary.dataset(file)";
    const MEMBERS: &'static [&'static str] = &[
        "name",
        "users",
        "items",
        "interactions",
        "fingerprint",
        "summary",
        "item",
        "categories",
        "leave_one_out",
        "temporal",
    ];
}

impl UserData for DatasetHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("name", |_, d| Ok(d.data.name().to_owned()));
        fields.add_field_method_get("users", |_, d| Ok(d.data.users()));
        fields.add_field_method_get("items", |_, d| Ok(d.data.items()));
        fields.add_field_method_get("interactions", |_, d| Ok(d.data.interactions()));
        fields.add_field_method_get("fingerprint", |_, d| Ok(d.data.fingerprint().to_string()));
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method("summary", |lua, d, ()| {
            to_lua(lua, &d.data.summary().map_err(raise)?)
        });
        methods.add_method("item", |lua, d, id: String| {
            let number = d.data.find_item(&id).map_err(raise)?;
            to_lua(lua, &d.data.item(number).map_err(raise)?)
        });
        methods.add_method("categories", |lua, d, table: Option<Table>| {
            let given: Common = read(table.as_ref(), "categories")?;
            let (names, members) = d.data.categories(given.least).map_err(raise)?;
            let members = TensorHandle::new(lua, &d.session.heap, Ok(members))?;
            Ok((names, members))
        });
        methods.add_method("leave_one_out", |_, d, table: Option<Table>| {
            let given: LeaveOneOut =
                read_checked(table.as_ref(), "leave_one_out", LeaveOneOut::problems)?;
            d.split(
                leave_one_out(&d.data, &given),
                "leave_one_out",
                json!(given),
            )
        });
        methods.add_method("temporal", |_, d, table: Option<Table>| {
            let given: Temporal = read_checked(table.as_ref(), "temporal", Temporal::problems)?;
            d.split(temporal(&d.data, &given), "temporal", json!(given))
        });
        methods.add_meta_method(MetaMethod::ToString, |_, d, ()| {
            Ok(d.data.summary().map_err(raise)?.to_string())
        });
    }
}

/// Settings of `categories`.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Common {
    /// Items that a category must have.
    least: usize,
}

impl Default for Common {
    fn default() -> Self {
        Self { least: 20 }
    }
}

impl DatasetHandle {
    /// Hands out a split; how it was made is noted in `run.json`.
    fn split(
        &self,
        split: Result<Split>,
        kind: &str,
        settings: serde_json::Value,
    ) -> mlua::Result<SplitHandle> {
        let split = split.map_err(raise)?;
        let session = Rc::clone(&self.session);
        let data = self.data.name();
        let note =
            json!({"dataset": data, "kind": kind, "settings": settings, "report": split.report});
        let folder = &session.context.folder;
        folder
            .record_in("splits", split.fingerprint.short(), note)
            .map_err(raise)?;
        let inner = Parts {
            data: Rc::clone(&self.data),
            split,
            session,
        };
        Ok(SplitHandle {
            parts: Rc::new(inner),
        })
    }
}

/// A split and the data set it was cut from.
pub(super) struct Parts {
    pub data: Rc<Dataset>,
    pub split: Split,
    pub session: Rc<Session>,
}

impl Parts {
    /// Title and year of an item, for people.
    pub fn item_label(&self, item: u32) -> Result<String> {
        Ok(self.data.item(item)?.label())
    }
}

/// A split.
#[derive(Clone)]
pub(super) struct SplitHandle {
    pub parts: Rc<Parts>,
}

impl Object for SplitHandle {
    const NAME: &'static str = "a split";
    const RECEIVER: &'static str = "split";
    const FROM: &'static str = "data:leave_one_out()";
    const MEMBERS: &'static [&'static str] = &[
        "items",
        "users",
        "max_len",
        "fingerprint",
        "valid",
        "test",
        "cold",
        "report",
    ];
}

impl UserData for SplitHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
        fields.add_field_method_get("items", |_, s| Ok(s.parts.split.n_items));
        fields.add_field_method_get("users", |_, s| Ok(s.parts.split.sequences.users()));
        fields.add_field_method_get("max_len", |_, s| Ok(s.parts.split.max_len));
        fields.add_field_method_get("fingerprint", |_, s| {
            Ok(s.parts.split.fingerprint.to_string())
        });
        fields.add_field_method_get("valid", |_, s| Ok(s.cases(CaseSet::Valid)));
        fields.add_field_method_get("test", |_, s| Ok(s.cases(CaseSet::Test)));
        fields.add_field_method_get("cold", |_, s| match s.parts.split.held_out() {
            [] => {
                let reason = "the split holds no items out of training; make it with `hold_out_items`, a share of them";
                Err(raise(Error::setting("split.cold", reason)))
            }
            _ => Ok(s.cases(CaseSet::Cold)),
        });
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_method("report", |lua, s, ()| to_lua(lua, &s.parts.split.report));
        methods.add_meta_method(MetaMethod::ToString, |_, s, ()| {
            let split = &s.parts.split;
            let report = &split.report;
            let held_out = match report.held_out_items {
                0 => String::new(),
                items => format!("; {items} items held out, {} cold cases", report.cold_cases),
            };
            Ok(format!(
                "{} training interactions, {} validation cases, {} test cases; {:.1} % of test items tie in \
                 time with the item before, {:.1} % never occur in training{held_out}",
                report.train_interactions,
                split.valid.len(),
                split.test.len(),
                100.0 * report.tied_test,
                100.0 * report.cold_test
            ))
        });
    }
}

impl SplitHandle {
    fn cases(&self, set: CaseSet) -> CasesHandle {
        CasesHandle {
            parts: Rc::clone(&self.parts),
            set,
        }
    }
}

/// The validation or the test cases of a split.
#[derive(Clone)]
pub(super) struct CasesHandle {
    pub parts: Rc<Parts>,
    pub set: CaseSet,
}

impl CasesHandle {
    /// The cases.
    pub fn cases(&self) -> &[Case] {
        self.parts.split.cases(self.set)
    }

    /// The identifier of the user of a case, counted from 1.
    fn user(&self, number: usize) -> mlua::Result<String> {
        let case = number
            .checked_sub(1)
            .and_then(|n| self.cases().get(n))
            .ok_or_else(|| {
                let reason = format!("there are {} cases, counted from 1", self.cases().len());
                raise(Error::setting(format!("case {number}"), reason))
            })?;
        self.parts.data.user_id(case.user).map_err(raise)
    }
}

impl Object for CasesHandle {
    const NAME: &'static str = "cases of a split";
    const RECEIVER: &'static str = "cases";
    const FROM: &'static str = "split.test or split.valid";
    const MEMBERS: &'static [&'static str] = &["user"];
}

impl UserData for CasesHandle {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        name_it(fields);
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        refuse_others(methods);
        methods.add_meta_method(MetaMethod::Len, |_, c, ()| Ok(c.cases().len()));
        methods.add_method("user", |_, c, number: usize| c.user(number));
    }
}
