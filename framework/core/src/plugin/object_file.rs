//! Looks at a library file before the system's loader does: the loader's own messages are hard to read, opening runs
//! the file's constructors, and a file that is cut short can end the process.

use std::fs::File;
use std::path::Path;

use object::read::{NameOrOrdinal, ReadCache};
use object::{
    Architecture, BinaryFormat, FileKind, Object, ObjectKind, ObjectSection, ObjectSegment,
};

use super::error::PluginError;

/// Refuses what is not a library for this machine, is cut short, or exports no entry.
pub(super) fn inspect(path: &Path) -> Result<(), PluginError> {
    let unreadable = |e: std::io::Error| PluginError::Open {
        path: path.to_path_buf(),
        reason: e.to_string(),
    };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let bytes = ReadCache::new(file);
    let Ok(kind) = FileKind::parse(&bytes) else {
        return Err(not_a_library(path, first_bytes(&bytes, length)));
    };
    match (format_of(kind), BinaryFormat::native_object()) {
        (None, _) => return Err(not_a_library(path, "an archive of several files".into())),
        (Some(found), needed) if found != needed => {
            return Err(PluginError::OtherMachine {
                path: path.to_path_buf(),
                found: format!("a system whose libraries are {found:?} files"),
                needed: format!("{} ({needed:?} files)", std::env::consts::OS),
            });
        }
        // A fat file holds one library a machine: the system's loader picks.
        _ if matches!(kind, FileKind::MachOFat32 | FileKind::MachOFat64) => return Ok(()),
        _ => {}
    }
    let library = object::File::parse(&bytes).map_err(|e| truncated(path, e.to_string()))?;
    check_machine(path, &library)?;
    check_extent(path, &library, length)?;
    if library.kind() != ObjectKind::Dynamic {
        let found = format!("an object file of type {:?}", library.kind());
        return Err(not_a_library(path, found));
    }
    check_export(path, &library)
}

type Library<'a> = object::File<'a, &'a ReadCache<File>>;

fn format_of(kind: FileKind) -> Option<BinaryFormat> {
    match kind {
        FileKind::Elf32 | FileKind::Elf64 => Some(BinaryFormat::Elf),
        FileKind::MachO32 | FileKind::MachO64 | FileKind::MachOFat32 | FileKind::MachOFat64 => {
            Some(BinaryFormat::MachO)
        }
        _ => None,
    }
}

fn check_machine(path: &Path, library: &Library<'_>) -> Result<(), PluginError> {
    let found = machine(library.architecture());
    let needed = std::env::consts::ARCH;
    if found == needed {
        return Ok(());
    }
    Err(PluginError::OtherMachine {
        path: path.to_path_buf(),
        found,
        needed: needed.to_owned(),
    })
}

/// The architecture's name as Rust spells it.
fn machine(architecture: Architecture) -> String {
    match architecture {
        Architecture::X86_64_X32 => "x86 (x32)".to_owned(),
        Architecture::I386 => "x86".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    }
}

fn check_extent(path: &Path, library: &Library<'_>, length: u64) -> Result<(), PluginError> {
    let outside =
        |(start, size): (u64, u64)| start.checked_add(size).is_none_or(|end| end > length);
    if let Some(segment) = library.segments().find(|s| outside(s.file_range())) {
        let (start, size) = segment.file_range();
        let reason = format!("a segment of {size} bytes at {start}, but the file has {length}");
        return Err(truncated(path, reason));
    }
    let section = library
        .sections()
        .find(|s| s.file_range().is_some_and(outside));
    section.map_or(Ok(()), |s| {
        let name = s.name().unwrap_or("without a name");
        let reason = format!("section `{name}` ends after the file's {length} bytes");
        Err(truncated(path, reason))
    })
}

fn check_export(path: &Path, library: &Library<'_>) -> Result<(), PluginError> {
    // Without section headers nothing can be listed; the handshake finds out.
    if library.sections().next().is_none() {
        return Ok(());
    }
    let exports = library
        .exports()
        .map_err(|e| truncated(path, e.to_string()))?;
    let wanted = lapidary_abi::ENTRY_SYMBOL.as_bytes();
    for export in exports {
        let export = export.map_err(|e| truncated(path, e.to_string()))?;
        if let NameOrOrdinal::Name(name) = export.name() {
            // Mach-O puts an underscore before the names of C.
            if name == wanted || name.strip_prefix(b"_") == Some(wanted) {
                return Ok(());
            }
        }
    }
    Err(PluginError::NotAPlugin {
        path: path.to_path_buf(),
    })
}

fn first_bytes(bytes: &ReadCache<File>, length: u64) -> String {
    use object::ReadRef;
    if length == 0 {
        return "the file is empty".to_owned();
    }
    match bytes.read_bytes_at(0, length.min(4)) {
        Ok(b) => format!("it begins with {b:02x?}"),
        Err(()) => "it cannot be read".to_owned(),
    }
}

fn not_a_library(path: &Path, found: String) -> PluginError {
    PluginError::NotALibrary {
        path: path.to_path_buf(),
        found,
    }
}

fn truncated(path: &Path, reason: String) -> PluginError {
    PluginError::Truncated {
        path: path.to_path_buf(),
        reason,
    }
}
