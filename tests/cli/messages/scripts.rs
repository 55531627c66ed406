//! Scripts and configurations.

use super::{Case, told};

const CASES: &[Case] = &[
    Case {
        title: "a syntax error",
        files: &[("s.lua", "local x = \nif x then\n")],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a bracket that is not closed",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml"
print(data)
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a misspelt function",
        files: &[(
            "s.lua",
            r#"local data = lapidary.datset("films.toml")
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a misspelt name",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
for _, name in ipair { "a" } do print(name) end
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "what scripts do not have",
        files: &[(
            "s.lua",
            r#"local file = io.open("films.toml")
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a member of nothing",
        files: &[(
            "s.lua",
            "local options = {}\nprint(options.training.epochs)\n",
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
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
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
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
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a misspelt method",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local again = embedder:fitt(split)
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a misspelt member",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
print(split.maxlen)
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a method called with a dot",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local again = embedder.fit(split)
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "arguments in the wrong order",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local refined = lapidary.refine { base = base }
local model = lapidary.backbone("sasrec"):fit(refined, split)
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "nothing where a value is needed",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local model = lapidary.backbone("sasrec"):fit(split, nil)
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "no name of a component",
        files: &[("s.lua", "local backbone = lapidary.backbone()\n")],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a table where a text is needed",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset { "films.toml" }
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a data set that is not there",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("film.toml")
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
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
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
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
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
];

#[test]
fn what_is_said_of_scripts() {
    told("scripts", CASES);
}
