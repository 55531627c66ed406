//! Which libtorch this process runs on, from the list of its mapped files.

use std::path::{Path, PathBuf};

/// The library that every libtorch has.
const MAIN: &str = "libtorch_cpu.so";

/// Files that are mapped into this process, each once.
pub fn mapped() -> Vec<PathBuf> {
    paths(&std::fs::read_to_string("/proc/self/maps").unwrap_or_default())
}

/// Copies of libtorch among mapped files. More than one: tensors of one are garbage to the other.
pub fn libtorch(mapped: &[PathBuf]) -> Vec<&Path> {
    mapped
        .iter()
        .filter(|path| path.file_name().is_some_and(|name| name == MAIN))
        .map(PathBuf::as_path)
        .collect()
}

/// The paths in the text of `/proc/self/maps`: address, rights, offset, device, inode, path.
fn paths(maps: &str) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = maps
        .lines()
        .filter_map(|line| line.find('/').and_then(|at| line.get(at..)))
        .map(|path| path.strip_suffix(" (deleted)").unwrap_or(path).into())
        .collect();
    paths.sort();
    paths.dedup();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_counted_by_file_not_by_mapping() {
        let maps = "\
7f00-7f01 r--p 00000000 fe:00 11 /a b/libtorch_cpu.so
7f01-7f02 r-xp 00001000 fe:00 11 /a b/libtorch_cpu.so
7f03-7f04 r-xp 00000000 fe:00 12 /c/libtorch_cpu.so (deleted)
7f05-7f06 rw-p 00000000 00:00 0
7f07-7f08 rw-p 00000000 00:00 0 [stack]
7f09-7f0a r-xp 00000000 fe:00 13 /c/libtorch.so";
        let mapped = paths(maps);
        let copies = [
            Path::new("/a b/libtorch_cpu.so"),
            Path::new("/c/libtorch_cpu.so"),
        ];
        assert_eq!(libtorch(&mapped), copies);
    }

    #[test]
    fn this_process_has_one_libtorch() {
        assert!(tch::get_num_threads() > 0);
        assert_eq!(libtorch(&mapped()).len(), 1);
    }
}
