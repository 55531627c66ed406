//! `run --watch`: runs again after a change, goes on after a failure, ends with Ctrl-C.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, ChildStdout, Stdio};

use super::*;

#[path = "../plugin_bad/build.rs"]
mod build;

/// A script that is watched, and what it says.
struct Watching {
    child: Child,
    out: BufReader<ChildStdout>,
    err: BufReader<ChildStderr>,
}

impl Watching {
    fn new(at: &TempDir, more: &[&str]) -> Self {
        let mut child = lapidary(at)
            .args(["run", "script.lua", "--device", "cpu", "--watch"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            out: BufReader::new(child.stdout.take().unwrap()),
            err: BufReader::new(child.stderr.take().unwrap()),
            child,
        }
    }

    /// The next line that the script prints.
    fn printed(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Waits until that stands on standard error.
    fn said(&mut self, wanted: &str) {
        let mut line = String::new();
        while !line.contains(wanted) {
            line.clear();
            let read = self.err.read_line(&mut line).unwrap();
            assert!(read > 0, "ended before `{wanted}`");
        }
    }

    fn end(mut self) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args(["-INT", &id]).status();
        assert!(told.unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_change_of_the_script_or_of_what_it_read_runs_it_again() {
    let at = folder();
    let write = |name: &str, text: &str| fs::write(at.path().join(name), text).unwrap();
    write("settings.toml", "n = 1\n");
    write(
        "script.lua",
        "print('one', lapidary.config('settings.toml').n)",
    );
    let mut watching = Watching::new(&at, &[]);
    assert_eq!(watching.printed(), "one\t1");
    watching.said("done; waiting for changes");
    write("settings.toml", "n = 22\n");
    watching.said("settings.toml");
    assert_eq!(watching.printed(), "one\t22");
    watching.said("waiting");
    write("script.lua", "print('broken'");
    watching.said("script.lua:1");
    watching.said("failed; waiting for changes");
    write(
        "script.lua",
        "print('two') while lapidary.setting('go', true) do end",
    );
    assert_eq!(watching.printed(), "two");
    // A run that is still at work makes room.
    write("script.lua", "print('three')");
    assert_eq!(watching.printed(), "three");
    watching.said("done; waiting");
    watching.end();
    assert_eq!(fs::read_dir(at.path().join("runs")).unwrap().count(), 5);
}

const REDUCE: &str = "
    local split = lapidary.dataset('few.toml'):leave_one_out {}
    local base = lapidary.precomputed('vectors.csv'):fit(split)
    local function norm(name)
      local reducer = lapidary.reducer(name)
      local refined = lapidary.refine { base = base, reducer = reducer, dim = 2, users = 'hidden' }
      return string.format('%.1f', refined:report().reduced_norm)
    end
    print(split.users, norm('zeros'), norm('mine'))";
const MINE: &str = "return {
    kind = 'reducer', summary = 'As many columns as there may be.', fit = function() end,
    transform = function(self, values) return values:slice(2, 1, 2) * 0 + 3 end }";

/// A file that was looked for and not found, a data set's own, a plugin's library, a component's script.
#[test]
fn a_change_of_what_a_script_uses_runs_it_again() {
    let (at, shop) = (folder(), build::Workshop::new());
    let write = |name: &str, text: &str| fs::write(at.path().join(name), text).unwrap();
    let library = |macros: &[&str]| {
        // As linkers do: a new file in the place of the old one.
        let built = shop.plugin("built.so", macros);
        fs::rename(built, at.path().join("plugins/zeros.so")).unwrap();
    };
    let rows = |users: usize| {
        let one = |user: usize| (0..4).map(move |n| format!("u{user}\ti{n}\t5\t{n}\n"));
        let rows: String = (0..users).flat_map(one).collect();
        format!("user_id\titem_id\trating\ttimestamp\n{rows}")
    };
    for name in ["components", "plugins"] {
        fs::create_dir(at.path().join(name)).unwrap();
    }
    write("components/mine.lua", MINE);
    write("few.toml", "format = 'canonical'\npath = 'few'\n");
    write("script.lua", REDUCE);
    library(&[]);
    let mut watching = Watching::new(&at, &["--plugin-dir", "plugins"]);
    watching.said("few: is not there");
    watching.said("failed; waiting for changes");

    fs::create_dir(at.path().join("few")).unwrap();
    write("few/interactions.tsv", &rows(3));
    watching.said("vectors.csv: not found");
    watching.said("failed; waiting for changes");

    write(
        "vectors.csv",
        "item,a,b,c\ni0,1,2,3\ni1,2,3,4\ni2,3,4,6\ni3,5,1,2\n",
    );
    watching.said("vectors.csv");
    assert_eq!(watching.printed(), "3\t0.0\t4.2");
    watching.said("done; waiting for changes");

    write("few/interactions.tsv", &rows(5));
    watching.said("interactions.tsv");
    assert_eq!(watching.printed(), "5\t0.0\t4.2");
    watching.said("done; waiting for changes");

    library(&["OUTPUT=ones(rows(call->inputs[0].tensor), *(int64_t *)instance)"]);
    watching.said("zeros.so");
    assert_eq!(watching.printed(), "5\t1.4\t4.2");
    watching.said("done; waiting for changes");

    write("components/mine.lua", &MINE.replace("+ 3", "+ 5"));
    watching.said("mine.lua");
    assert_eq!(watching.printed(), "5\t1.4\t7.1");
    watching.said("done; waiting for changes");
    watching.end();
}
