//! Descriptions in TOML, and the cache that imports are kept in.

use super::*;
use crate::data::import::Format;
use crate::data::{load, load_toml};

fn described(text: &str) -> (TempDir, PathBuf) {
    let folder = source("u\ti\t5\t10\nu\tj\t4\t11\nv\ti\t3\t12\n");
    let path = folder.path().join("mine.toml");
    fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn paths_are_relative_to_the_file_and_the_name_is_its_own() {
    let (_folder, path) =
        described("path = \".\"\n[filters]\nfrom = 1970-01-01\nduplicates = \"last\"");
    let spec = ImportSpec::from_toml(&path).unwrap();
    assert_eq!((spec.name.as_str(), spec.format), ("mine", Format::Auto));
    assert_eq!(imported(&spec).unwrap().0.interactions(), 3);
    let (_folder, path) = described("interactions = \"interactions.tsv\"");
    assert_eq!(
        imported(&ImportSpec::from_toml(&path).unwrap())
            .unwrap()
            .0
            .interactions(),
        3
    );
}

#[test]
fn mistakes_are_named_with_file_and_line() {
    for (text, says) in [
        (
            "path = \".\"\nfromat = \"auto\"",
            "mine.toml:2: unknown key `fromat`; did you mean `format`?",
        ),
        (
            "path = \".\"\nformat = \"movielnes\"",
            "mine.toml:2: unknown name `movielnes`; did you mean `movielens`?",
        ),
        (
            "path = \".\"\n[filters]\nkcore = 5",
            "mine.toml:3: unknown key `kcore`; did you mean `k_core`?",
        ),
        (
            "path = \".\"\n[filters]\nk_core = -5",
            "mine.toml:3: expected a whole number of at least 0, found -5",
        ),
        (
            "path = \".\"\n[filters]\nuntil = \"soon\"",
            "`soon` is not a date",
        ),
        (
            "name = \"x\"",
            "mine.toml: `path`: the source's folder is missing",
        ),
        (
            "path = \".\"\n[filters]\nfrom = 5\nuntil = 5",
            "`filters.until`: is not after `from`",
        ),
        (
            "path = \".\"\n[columns]\nuser = \"u\"",
            "a column map needs",
        ),
        (
            "path = \".\"\n[text]\ntitle = \"t\"",
            "only `fields` can be set",
        ),
        (
            "path = \".\"\nformat = \"table\"",
            "`user` and `item` are needed",
        ),
    ] {
        let (_folder, path) = described(text);
        let error = ImportSpec::from_toml(&path).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

fn stored(cache: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(cache).unwrap().map(|e| e.unwrap().path());
    folders
        .filter(|p| p.join("manifest.json").exists())
        .collect()
}

#[test]
fn an_import_happens_once_and_again_when_something_changed() {
    let (folder, path) = described("path = \".\"");
    let cache = folder.path().join("cache");
    let load = || load(&ImportSpec::from_toml(&path).unwrap(), &cache).unwrap();
    assert!(load().1.is_some());
    assert!(load().1.is_none(), "the second time it is there");
    fs::write(&path, "path = \".\"\nobtain = \"words change nothing\"").unwrap();
    assert!(load().1.is_none());
    fs::write(&path, "path = \".\"\n[filters]\nmin_rating = 4").unwrap();
    let (data, report) = load();
    assert!(report.is_some() && data.interactions() == 2);
    let source = folder.path().join("interactions.tsv");
    let text = fs::read_to_string(&source)
        .unwrap()
        .replace("u\tj\t4", "u\tj\t5");
    fs::write(&source, text).unwrap();
    assert!(load().1.is_some(), "same size, other content");
    assert_eq!(stored(&cache).len(), 3);
}

#[test]
fn a_damaged_import_is_made_again() {
    let (folder, path) = described("path = \".\"");
    let cache = folder.path().join("cache");
    let first = load_toml(&path, &cache).unwrap().fingerprint().clone();
    for harm in ["cut", "gone", "manifest"] {
        let [stored] = stored(&cache).try_into().unwrap();
        match harm {
            "cut" => fs::write(stored.join("items.i32"), [0u8; 3]).unwrap(),
            "gone" => fs::remove_file(stored.join("users.txt")).unwrap(),
            _ => fs::write(stored.join("manifest.json"), "{").unwrap(),
        }
        assert_eq!(
            &first,
            load_toml(&path, &cache).unwrap().fingerprint(),
            "{harm}"
        );
    }
}

#[test]
fn an_import_removes_what_killed_ones_left() {
    let (folder, path) = described("path = \".\"");
    let cache = folder.path().join("cache");
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(90_000);
    for (name, old) in [
        (".new-a", true),
        (".old-b", true),
        (".new-c", false),
        ("mine", true),
    ] {
        fs::create_dir_all(cache.join(name).join("data")).unwrap();
        let made = fs::File::open(cache.join(name)).unwrap();
        if old {
            made.set_modified(long_ago).unwrap();
        }
    }
    load_toml(&path, &cache).unwrap();
    let there = [".new-a", ".old-b", ".new-c", "mine"].map(|n| cache.join(n).exists());
    assert_eq!(there, [false, false, true, true]);
}

#[test]
fn imports_at_the_same_time_agree_and_one_of_them_does_the_work() {
    let (folder, path) = described("path = \".\"");
    let spec = ImportSpec::from_toml(&path).unwrap();
    for round in 0..20 {
        let cache = folder.path().join(round.to_string());
        let start = std::sync::Barrier::new(4);
        let run = || {
            start.wait();
            let (data, report) = load(&spec, &cache).unwrap();
            assert_eq!(data.interactions(), 3);
            usize::from(report.is_some())
        };
        let imports: usize = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            runs.into_iter().map(|run| run.join().unwrap()).sum()
        });
        assert_eq!((imports, stored(&cache).len()), (1, 1));
    }
}

#[test]
fn the_documented_example_is_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let text = fs::read_to_string(root.join("configs/datasets/README.md")).unwrap();
    let example = text
        .split("```toml\n")
        .nth(1)
        .and_then(|t| t.split("```").next())
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("example.toml");
    fs::write(&path, example).unwrap();
    let spec = ImportSpec::from_toml(&path).unwrap();
    let (written, known) = (toml::to_string(&spec).unwrap(), example);
    for key in written
        .lines()
        .filter_map(|line| line.split_once(" = "))
        .map(|(key, _)| key)
    {
        assert!(
            known.contains(&format!("{key} = ")),
            "`{key}` is not documented"
        );
    }
}
