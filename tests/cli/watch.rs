//! `run --watch`: runs again after a change, goes on after a failure, ends with Ctrl-C.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use super::*;

#[test]
fn a_change_of_the_script_or_of_what_it_read_runs_it_again() {
    let at = folder();
    let write = |name: &str, text: &str| fs::write(at.path().join(name), text).unwrap();
    write("settings.toml", "n = 1\n");
    write(
        "script.lua",
        "print('one', lapidary.config('settings.toml').n)",
    );
    let mut child = lapidary(&at)
        .args(["run", "script.lua", "--device", "cpu", "--watch"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut err = BufReader::new(child.stderr.take().unwrap());
    let mut printed = || {
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    };
    let mut said = |wanted: &str| {
        let mut line = String::new();
        while !line.contains(wanted) {
            line.clear();
            assert!(
                err.read_line(&mut line).unwrap() > 0,
                "ended before `{wanted}`"
            );
        }
    };
    assert_eq!(printed(), "one\t1");
    said("done; waiting for changes");
    write("settings.toml", "n = 22\n");
    said("settings.toml");
    assert_eq!(printed(), "one\t22");
    said("waiting");
    write("script.lua", "print('broken'");
    said("script.lua:1");
    said("failed; waiting for changes");
    write(
        "script.lua",
        "print('two') while lapidary.setting('go', true) do end",
    );
    assert_eq!(printed(), "two");
    // A run that is still at work makes room.
    write("script.lua", "print('three')");
    assert_eq!(printed(), "three");
    said("done; waiting");
    let id = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_dir(at.path().join("runs")).unwrap().count(), 5);
}
