//! The checks of a manifest, in order; each has its own error. Nothing of a plugin is used before all have passed.
#![allow(unsafe_code)]

use std::path::Path;
use std::sync::Arc;

use lapidary_abi as abi;
use lapidary_sdk::{Description, Kind, Method};

use super::error::{PluginError, torch_text};
use super::host::{TorchVersion, running_torch, text};
use super::native::Native;
use super::registry::{Origin, Place};
use super::settings;

/// Size of each table in version 1.0 of the ABI. Later fields stand behind these and may be absent.
const MANIFEST_SIZE: usize = std::mem::offset_of!(abi::Manifest, components) + size_of::<usize>();
const COMPONENT_SIZE: usize = std::mem::offset_of!(abi::Component, destroy) + size_of::<usize>();

/// Checks what a plugin's entry returned, and has its components describe themselves.
pub(super) fn accept(
    path: &Path,
    manifest: *const abi::Manifest,
) -> Result<Vec<(Description, Native)>, PluginError> {
    if manifest.is_null() {
        return Err(PluginError::DidNotStart { path: path.into() });
    }
    // SAFETY: every version of the manifest begins with these two fields.
    let (magic, size) = unsafe { ((*manifest).magic, (*manifest).size) };
    if magic != abi::MAGIC {
        let path = path.into();
        return Err(PluginError::BadMagic { path, found: magic });
    }
    check_size(path, || "its manifest".to_owned(), size, MANIFEST_SIZE)?;
    // SAFETY: the plugin vouches for `size` bytes; all fields may be zero.
    let manifest = unsafe { abi::read(manifest, size) };
    check_abi(path, &manifest)?;
    check_torch(path, &manifest)?;
    // SAFETY: the plugin lends texts that live as long as the process.
    let (plugin, version) = unsafe { (text(manifest.plugin), text(manifest.version)) };
    let origin = Arc::new(Origin {
        plugin,
        version,
        place: Place::Library(path.to_path_buf()),
    });
    if manifest.n_components == 0 || manifest.components.is_null() {
        return Err(bad(path, "the plugin", "it offers no component"));
    }
    let accepted = (0..manifest.n_components).map(|i| {
        // SAFETY: the plugin vouches for `n_components` entries.
        let table = unsafe { *manifest.components.add(i) };
        let place = format!("component {} of {}", i + 1, manifest.n_components);
        // SAFETY: as above, for each table.
        unsafe { component(path, &place, table, &origin, manifest.abi_minor) }
    });
    accepted.collect()
}

fn check_size(
    path: &Path,
    table: impl FnOnce() -> String,
    found: u32,
    needed: usize,
) -> Result<(), PluginError> {
    if found as usize >= needed {
        return Ok(());
    }
    Err(PluginError::ShortTable {
        path: path.into(),
        table: table(),
        found,
        needed: needed as u32,
    })
}

fn check_abi(path: &Path, manifest: &abi::Manifest) -> Result<(), PluginError> {
    if manifest.abi_major == abi::ABI_MAJOR {
        return Ok(());
    }
    Err(PluginError::AbiMajor {
        path: path.into(),
        found: format!("{}.{}", manifest.abi_major, manifest.abi_minor),
        needed: format!("{}.{}", abi::ABI_MAJOR, abi::ABI_MINOR),
    })
}

fn check_torch(path: &Path, manifest: &abi::Manifest) -> Result<(), PluginError> {
    let running = running_torch();
    let found = TorchVersion(manifest.torch);
    let host_cxx11 = lapidary_sdk::export::CXX11_ABI;
    let (fits, found, needed) = match manifest.tensor_abi {
        abi::TENSOR_ABI_EXACT => (
            found == running && manifest.cxx11_abi == host_cxx11,
            torch_text(found, manifest.cxx11_abi),
            torch_text(running, host_cxx11),
        ),
        abi::TENSOR_ABI_STABLE => (
            found <= running,
            format!("the stable interface of libtorch {found}"),
            format!("libtorch {running}, which is older"),
        ),
        other => (
            false,
            format!("tensor interface {other}, which is unknown here"),
            format!("libtorch {running} with tensor interfaces 0 and 1"),
        ),
    };
    if fits {
        return Ok(());
    }
    let path = path.into();
    Err(PluginError::Torch {
        path,
        found,
        needed,
    })
}

/// Checks one component's table and has it describe itself.
///
/// # Safety
/// `table` is null or points to a component's table that lives as long as the process.
unsafe fn component(
    path: &Path,
    place: &str,
    table: *const abi::Component,
    origin: &Arc<Origin>,
    abi_minor: u32,
) -> Result<(Description, Native), PluginError> {
    if table.is_null() {
        return Err(bad(path, place, "its table is null"));
    }
    // SAFETY: every version of the table begins with its size.
    let size = unsafe { (*table).size };
    check_size(path, || format!("{place}: its table"), size, COMPONENT_SIZE)?;
    // SAFETY: the plugin vouches for `size` bytes; all fields may be zero.
    let table = unsafe { abi::read(table, size) };
    // SAFETY: the plugin lends texts that live as long as the process.
    let (kind_name, name) = unsafe { (text(table.kind), text(table.name)) };
    let Some(kind) = Kind::from_name(&kind_name) else {
        let update = match abi_minor > abi::ABI_MINOR {
            true => "; the plugin is newer than this program: update Lapidary",
            false => "",
        };
        let reason = format!("the kind `{kind_name}` is unknown{update}");
        return Err(bad(path, place, reason));
    };
    if !is_name(&name) {
        return Err(bad(path, place, format!("the name `{name}` {NAMES}")));
    }
    let mut native = Native::new(table, kind, name, Arc::clone(origin));
    let description = describe(&native).map_err(|reason| bad(path, native.label(), reason))?;
    native.offered = description.methods.iter().map(|m| m.number).collect();
    Ok((description, native))
}

const NAMES: &str = "does not consist of lowercase letters, digits and `_`, a letter first";

/// Whether a name is spelled as names must be.
fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(allowed)
}

/// Asks a component for its description and checks it against the table.
fn describe(native: &Native) -> Result<Description, String> {
    if let Some(missing) = native.missing_function() {
        return Err(format!("its function `{missing}` is null"));
    }
    let text = native.describe()?;
    let description: Description =
        serde_json::from_str(&text).map_err(|e| format!("its description cannot be read: {e}"))?;
    if (description.kind, &description.name) != (native.kind, &native.name) {
        let (kind, name) = (description.kind, &description.name);
        return Err(format!("its description speaks of {kind} `{name}`"));
    }
    check_described(&description, native.kind)?;
    Ok(description)
}

/// Checks a description: its name, its methods and its settings' schema.
pub(super) fn check_described(description: &Description, kind: Kind) -> Result<(), String> {
    if description.kind != kind {
        let described = description.kind;
        return Err(format!(
            "it is a {kind}, but its description says {described}"
        ));
    }
    if !is_name(&description.name) {
        return Err(format!("the name `{}` {NAMES}", description.name));
    }
    check_methods(
        kind,
        &lapidary_sdk::kinds::methods(kind),
        &description.methods,
    )?;
    settings::check_schema(description)
}

/// Checks that a component offers what its kind must have, under the kind's names. What it offers beyond that a newer
/// version may know.
fn check_methods(kind: Kind, known: &[Method], offered: &[Method]) -> Result<(), String> {
    for Method {
        number,
        name,
        optional,
        ..
    } in known
    {
        match offered.iter().find(|o| o.number == *number) {
            Some(found) if found.name == *name => {}
            None if *optional => {}
            Some(found) if *optional => {
                let found = &found.name;
                return Err(format!(
                    "its description calls method {number} `{found}`, which is `{name}` in every {kind} that has it"
                ));
            }
            _ => {
                return Err(format!(
                    "its description lacks method {number}, `{name}`, which every {kind} has"
                ));
            }
        }
    }
    Ok(())
}

/// Checks a component of this program.
pub(super) fn linked(
    program: &Path,
    table: &'static abi::Component,
    origin: &Arc<Origin>,
) -> Result<(Description, Native), PluginError> {
    // SAFETY: the table is a reference to one of this program.
    unsafe { component(program, &origin.plugin, table, origin, abi::ABI_MINOR) }
}

fn bad(path: &Path, component: impl Into<String>, reason: impl Into<String>) -> PluginError {
    PluginError::BadComponent {
        path: path.into(),
        component: component.into(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_methods_may_be_absent_and_newer_ones_there() {
        let method = |number, name| Method::new(number, name, &[], &[]);
        let known = [method(1, "fit"), method(2, "adapt").optional()];
        let check = |offered: &[Method]| check_methods(Kind::Reducer, &known, offered);
        assert_eq!(check(&[method(1, "fit")]), Ok(()));
        assert_eq!(check(&[method(1, "fit"), method(2, "adapt")]), Ok(()));
        assert_eq!(check(&[method(1, "fit"), method(9, "later")]), Ok(()));
        let lacking = check(&[method(2, "adapt")]).unwrap_err();
        assert!(lacking.contains("lacks method 1, `fit`"), "{lacking}");
        let other = check(&[method(1, "fit"), method(2, "tune")]).unwrap_err();
        assert!(
            other.contains("method 2 `tune`, which is `adapt`"),
            "{other}"
        );
    }
}
