//! `runs rm`: what is removed, and what is not.

use super::runs::{run_folders, script};
use super::*;

/// The folder of a run that holds no more than how it ended and when it began.
pub fn kept(at: &TempDir, name: &str, outcome: &str, is_dry: bool, started: &str) {
    let folder = at.path().join("runs").join(name);
    fs::create_dir_all(&folder).unwrap();
    let told = serde_json::json!({
        "format": 1, "outcome": outcome, "script": null, "started": started, "dry_run": is_dry,
    });
    fs::write(folder.join("run.json"), told.to_string()).unwrap();
    // Nobody holds it: a run without an end was killed.
    fs::write(folder.join(".lock"), "").unwrap();
}

#[test]
fn runs_are_removed_and_nothing_else_is() {
    let at = script("print(1)");
    for _ in 0..3 {
        run(&at, &["run", "script.lua", "--device", "cpu"]).code(0);
    }
    let folders = run_folders(&at);
    let name = |n: usize| folders[n].file_name().unwrap().to_str().unwrap();
    let elsewhere = at.path().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::rename(&folders[2], elsewhere.join("kept")).unwrap();
    std::os::unix::fs::symlink(elsewhere.join("kept"), at.path().join("runs/link")).unwrap();
    fs::create_dir(at.path().join("runs/foreign")).unwrap();
    fs::write(
        at.path().join("runs/foreign/run.json"),
        "{\"made\": \"elsewhere\"}",
    )
    .unwrap();
    for (kept, why) in [
        ("elsewhere/kept", "not in the folder of runs"),
        ("link", "a link"),
        ("foreign", "not known as a run"),
        ("runs/../elsewhere/kept", "not in the folder of runs"),
    ] {
        refused(
            &at,
            &["runs", "rm", name(0), kept],
            2,
            &[why, "nothing was removed"],
        );
    }
    assert!(folders[0].exists() && elsewhere.join("kept/run.json").exists());

    let report = json_of(&at, &["runs", "rm", name(0), name(0), "--json"]);
    assert_eq!(keys(&report), ["format", "dry_run", "removed", "bytes"]);
    assert_eq!(report["removed"].as_array().unwrap().len(), 1);
    assert_eq!(keys(&report["removed"][0]), ["name", "folder", "bytes"]);
    assert!(report["bytes"].as_u64().unwrap() > 100);
    assert!(!folders[0].exists() && folders[1].exists());
    assert!(stdout(&run(&at, &["runs", "rm", name(1)]).code(0)).contains("removed script-"));
    assert!(!folders[1].exists());
}

#[test]
fn many_runs_are_removed_by_how_and_when_they_ran() {
    let at = folder();
    let (long_ago, lately) = ("2020-01-01T00:00:00.000Z", "2999-01-01T00:00:00.000Z");
    kept(&at, "old-done", "done", false, long_ago);
    kept(&at, "old-dry", "done", true, long_ago);
    kept(&at, "old-failed", "failed", false, long_ago);
    kept(&at, "new-dry", "failed", true, lately);
    kept(&at, "new-killed", "running", false, lately);
    kept(&at, "new-stopped", "interrupted", false, lately);
    let runs = at.path().join("runs");
    std::os::unix::fs::symlink(runs.join("old-failed"), runs.join("link")).unwrap();
    let going = |options: &[&str]| {
        let arguments = [&["runs", "rm", "--dry-run", "--json"], options].concat();
        let report = json_of(&at, &arguments);
        assert_eq!(report["dry_run"], true);
        assert!(report["bytes"].as_u64().unwrap() > 0);
        let removed = report["removed"].as_array().unwrap().iter();
        let mut names: Vec<String> = removed
            .map(|run| run["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names.join(" ")
    };
    let failed = "new-dry new-killed new-stopped old-failed";
    assert_eq!(going(&["--dry"]), "new-dry old-dry");
    assert_eq!(going(&["--failed"]), failed);
    assert_eq!(
        going(&["--older-than", "30"]),
        "old-done old-dry old-failed"
    );
    assert_eq!(going(&["--dry", "--failed"]), "new-dry");
    assert_eq!(going(&["--failed", "--older-than", "30"]), "old-failed");
    assert_eq!(going(&["old-done"]), "old-done");
    let left = || {
        let entries = fs::read_dir(&runs).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    assert_eq!(left().len(), 7, "nothing was removed");

    let told = stdout(&run(&at, &["runs", "rm", "--dry", "--dry-run"]).code(0));
    assert!(
        told.contains("would remove old-dry\n") && told.contains("would free"),
        "{told}"
    );
    run(&at, &["runs", "rm", "--failed"]).code(0);
    assert_eq!(left(), ["link", "old-done", "old-dry"]);
    let told = stdout(&run(&at, &["runs", "rm", "--failed"]).code(0));
    assert!(told.contains("nothing to remove"), "{told}");

    refused(&at, &["runs", "rm"], 2, &["RUN", "--failed"]);
    let both = ["runs", "rm", "old-done", "--dry"];
    refused(&at, &both, 2, &["cannot be used with"]);
    let now = ["runs", "rm", "--older-than", "0"];
    refused(&at, &now, 2, &["--older-than"]);
}
