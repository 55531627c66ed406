//! Scripts and configurations.

use super::{Case, DRY_RUN, told, trained};

const CASES: &[Case] = &[
    Case {
        title: "a syntax error",
        files: &[("s.lua", "local x = \nif x then\n")],
        ..DRY_RUN
    },
    Case {
        title: "a bracket that is not closed",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml"
print(data)
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a misspelt function",
        files: &[(
            "s.lua",
            r#"local data = lapidary.datset("films.toml")
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a misspelt name",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
for _, name in ipair { "a" } do print(name) end
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "many mistakes, all told by a dry run",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("film.toml")
local split = data:leave_one_ot { max_len = 0 }
local base = lapidary.base_embedder("sasrek", { dim = 8, drop = 1 }):fit(split, { epoch = 1, seed = "one" })
local good, message = pcall(lapidary.reducer, "pcaa")
print(base, good, message, lapidary.sed)
local wrong = 1 .. nil
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "what scripts do not have",
        files: &[(
            "s.lua",
            r#"local file = io.open("films.toml")
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a member of nothing",
        files: &[(
            "s.lua",
            "local options = {}\nprint(options.training.epochs)\n",
        )],
        ..DRY_RUN
    },
    Case {
        title: "an error in a function that others call",
        files: &[(
            "s.lua",
            r#"local function half(n)
  return n / 2
end
local function quarter(n)
  return half(half(n))
end
print(quarter("much"))
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "an error of the script itself",
        files: &[(
            "s.lua",
            r#"local function check(n)
  if n > 3 then error("too many: " .. n) end
end
check(4)
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a misspelt method",
        files: &[(
            "s.lua",
            trained!(
                r#"local again = embedder:fitt(split)
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a misspelt member",
        files: &[(
            "s.lua",
            trained!(
                r#"print(split.maxlen)
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a method called with a dot",
        files: &[(
            "s.lua",
            trained!(
                r#"local again = embedder.fit(split)
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "arguments in the wrong order",
        files: &[(
            "s.lua",
            trained!(
                r#"local refined = lapidary.refine { base = base }
local model = lapidary.backbone("sasrec"):fit(refined, split)
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "nothing where a value is needed",
        files: &[(
            "s.lua",
            trained!(
                r#"local model = lapidary.backbone("sasrec"):fit(split, nil)
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "no name of a component",
        files: &[("s.lua", "local backbone = lapidary.backbone()\n")],
        ..DRY_RUN
    },
    Case {
        title: "a table where a text is needed",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset { "films.toml" }
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a data set that is not there",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("film.toml")
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a misspelt key of a configuration",
        files: &[
            (
                "s.lua",
                r#"local config = lapidary.config("exp.toml")
print(config.training.epoch)
"#,
            ),
            ("exp.toml", "[training]\nepochs = 5\n"),
        ],
        ..DRY_RUN
    },
    Case {
        title: "a configuration with broken syntax",
        files: &[
            (
                "s.lua",
                r#"local config = lapidary.config("exp.toml")
"#,
            ),
            (
                "exp.toml",
                r#"[training]
epochs = 5
rate = 
name = "a
"#,
            ),
        ],
        ..DRY_RUN
    },
];

#[test]
fn what_is_said_of_scripts() {
    told("scripts", CASES);
}
