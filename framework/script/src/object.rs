//! Values that scripts hold: their names, and what is said when one stands in another's place or has no such member.

use std::ops::Deref;

use lapidary_core::{Error, mistakes};
use mlua::{
    AnyUserData, FromLua, Lua, MetaMethod, ObjectLike, UserData, UserDataFields, UserDataMethods,
    UserDataRef, Value,
};

use crate::convert::{raise, show};

/// A value that scripts hold.
pub(crate) trait Object: UserData + 'static {
    /// What messages call it, with its article.
    const NAME: &'static str;
    /// What API.md calls one.
    const RECEIVER: &'static str;
    /// How a script comes by one.
    const FROM: &'static str;
    /// Its fields and methods; a test compares them with those that are added.
    const MEMBERS: &'static [&'static str];
}

/// A type of values, as editors and people are told of it.
pub(crate) struct Members {
    /// [`Object::NAME`]
    pub name: &'static str,
    /// [`Object::RECEIVER`]
    pub receiver: &'static str,
    /// [`Object::FROM`]
    pub from: &'static str,
    /// [`Object::MEMBERS`]
    pub members: &'static [&'static str],
}

impl Members {
    pub fn of<T: Object>() -> Self {
        Self {
            name: T::NAME,
            receiver: T::RECEIVER,
            from: T::FROM,
            members: T::MEMBERS,
        }
    }
}

/// Where the metatable of a value lists its members, for completion and help.
pub(crate) const MEMBERS: &str = "__members";

/// Gives the type its name, and lists its members.
pub(crate) fn name_it<T: Object, F: UserDataFields<T>>(fields: &mut F) {
    fields.add_meta_field(MetaMethod::Type, T::NAME);
    fields.add_meta_field(MEMBERS, T::MEMBERS.to_vec());
}

/// Refuses members that the value does not have, with the nearest that it has.
pub(crate) fn refuse_others<T: Object, M: UserDataMethods<T>>(methods: &mut M) {
    methods.add_meta_function(
        MetaMethod::Index,
        |_, (object, key): (AnyUserData, Value)| {
            let meant = mistakes::nearest(no_member::<T>(&key)).map_err(raise)?;
            object.get::<Value>(meant)
        },
    );
}

/// What is said about a member that the value does not have.
pub(crate) fn no_member<T: Object>(key: &Value) -> Error {
    let key = match key {
        Value::String(name) => name.to_string_lossy(),
        other => show(other),
    };
    let mut error = Error::unknown("member", &key, T::MEMBERS);
    if let Error::Unknown { note, .. } = &mut error {
        *note = format!(" of {}", T::NAME);
    }
    error
}

/// An argument that must be a value of that type.
pub(crate) struct Arg<T: Object>(UserDataRef<T>);

impl<T: Object> Deref for Arg<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Object> FromLua for Arg<T> {
    fn from_lua(value: Value, _: &Lua) -> mlua::Result<Self> {
        match &value {
            Value::UserData(data) if data.is::<T>() => data.borrow::<T>().map(Self),
            other => Err(mlua::Error::runtime(expectation::<T>(other))),
        }
    }
}

/// What is said when another value stands where one of this type is needed.
pub(crate) fn unexpected<T: Object>(place: &str, found: &Value) -> mlua::Error {
    raise(Error::setting(place, expectation::<T>(found)))
}

/// What is expected where a value of that type is needed, and what is there.
pub(crate) fn expectation<T: Object>(found: &Value) -> String {
    format!(
        "expected {}, as from `{}`; found {}",
        T::NAME,
        T::FROM,
        show(found)
    )
}

/// The members of any value that scripts hold; none where it is something else.
pub(crate) fn members(value: &Value) -> Vec<String> {
    let Value::UserData(data) = value else {
        return Vec::new();
    };
    let members = data.metatable().and_then(|meta| meta.get(MEMBERS));
    members.unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    /// Names in quotes right after each occurrence of `call`.
    fn quoted(text: &str, call: &str) -> BTreeSet<String> {
        let parts = text.split(call).skip(1);
        let names = parts.filter_map(|part| part.trim_start().strip_prefix('"')?.split('"').next());
        names.map(str::to_owned).collect()
    }

    fn block<'a>(text: &'a str, head: &str) -> &'a str {
        let start = text.find(head).unwrap_or_else(|| panic!("no `{head}`"));
        let rest = &text[start..];
        &rest[..rest.find("\n}").unwrap()]
    }

    #[test]
    fn the_members_of_each_object_are_those_that_it_adds_and_api_md_describes() {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let page = std::fs::read_to_string(folder.join("API.md")).unwrap();
        let mut objects = 0;
        let mut files = vec![folder.join("src/api/evaluation/comparison.rs")];
        let api = std::fs::read_dir(folder.join("src/api")).unwrap();
        files.extend(api.map(|e| e.unwrap().path()).filter(|p| p.is_file()));
        for file in files {
            let text = std::fs::read_to_string(&file).unwrap();
            for part in text.split("impl Object for ").skip(1) {
                let name = part.split(' ').next().unwrap();
                let object = block(part, name);
                let members = object.split_once("MEMBERS").unwrap().1;
                let named: BTreeSet<String> = members
                    .split('"')
                    .skip(1)
                    .step_by(2)
                    .map(str::to_owned)
                    .collect();
                let added = block(&text, &format!("impl UserData for {name} "));
                let mut found = quoted(added, "add_method(");
                found.extend(quoted(added, "add_field_method_get("));
                if added.contains("operations::add(methods)") {
                    let file = folder.join("src/api/tensor/operations.rs");
                    let operations = std::fs::read_to_string(file).unwrap();
                    found.extend(quoted(&operations, "add_method("));
                    // Rows of its tables.
                    found.extend(quoted(&operations, "\n    ("));
                }
                assert_eq!(named, found, "{name}");
                let receiver = object.split_once("RECEIVER").unwrap().1;
                let receiver = receiver.split('"').nth(1).unwrap();
                for member in &named {
                    let described = [":", "."].iter().any(|dot| {
                        page.contains(&format!("{receiver}{dot}{member}"))
                            || page.contains(&format!("`{dot}{member}"))
                    });
                    assert!(described, "API.md does not describe {receiver}:{member}");
                }
                objects += 1;
            }
        }
        assert_eq!(objects, crate::api::objects().len());
    }
}
