//! The command line.

use super::{Case, told};

const SETTINGS: &[(&str, &str)] = &[(
    "s.lua",
    r#"local dim = lapidary.setting("dim", 64)
local base = lapidary.setting("base", "sasrec")
local quick = lapidary.setting("quick", false)
"#,
)];

const CASES: &[Case] = &[
    Case {
        title: "an unknown command",
        files: SETTINGS,
        arguments: &["rnu", "s.lua"],
        variables: &[],
    },
    Case {
        title: "an unknown option",
        files: SETTINGS,
        arguments: &["run", "s.lua", "--dryrun"],
        variables: &[],
    },
    Case {
        title: "no script",
        files: SETTINGS,
        arguments: &["run"],
        variables: &[],
    },
    Case {
        title: "a script that is not there",
        files: SETTINGS,
        arguments: &["run", "t.lua"],
        variables: &[],
    },
    Case {
        title: "a setting that the script does not have",
        files: SETTINGS,
        arguments: &["run", "s.lua", "--set", "dimm=32"],
        variables: &[],
    },
    Case {
        title: "two of them",
        files: SETTINGS,
        arguments: &["run", "s.lua", "--set", "dimm=32", "--set", "bsae=pca"],
        variables: &[],
    },
    Case {
        title: "a setting of another type",
        files: SETTINGS,
        arguments: &["run", "s.lua", "--set", "dim=wide"],
        variables: &[],
    },
    Case {
        title: "a truth value that is none",
        files: SETTINGS,
        arguments: &["run", "s.lua", "--set", "quick=yes"],
        variables: &[],
    },
    Case {
        title: "a setting without a value",
        files: SETTINGS,
        arguments: &["run", "s.lua", "--set", "dim"],
        variables: &[],
    },
    Case {
        title: "a device that is none",
        files: SETTINGS,
        arguments: &["run", "s.lua", "--device", "gpu"],
        variables: &[],
    },
    Case {
        title: "a folder of plugins that is not there",
        files: SETTINGS,
        arguments: &["run", "s.lua", "--plugin-dir", "pluggins"],
        variables: &[],
    },
    Case {
        title: "a number of threads that is none",
        files: SETTINGS,
        arguments: &["run", "s.lua", "--threads", "many"],
        variables: &[],
    },
    Case {
        title: "a component that is not there",
        files: SETTINGS,
        arguments: &["describe", "sasrek"],
        variables: &[],
    },
    Case {
        title: "a kind that is not there",
        files: SETTINGS,
        arguments: &["describe", "sasrec", "--kind", "backbon"],
        variables: &[],
    },
    Case {
        title: "a run that is not there",
        files: SETTINGS,
        arguments: &["recommend", "runs/none", "--user", "u1"],
        variables: &[],
    },
    Case {
        title: "a steer without a number",
        files: SETTINGS,
        arguments: &["recommend", "runs/none", "--user", "u1", "--steer", "humor"],
        variables: &[],
    },
    Case {
        title: "a log filter that cannot be read",
        files: SETTINGS,
        arguments: &["plugins"],
        variables: &[("LAPIDARY_LOG", "a=b=c")],
    },
];

#[test]
fn what_is_said_of_the_command_line() {
    told("command_line", CASES);
}
