//! Components, their settings, and components written in Lua.

use super::{Case, told};

const CASES: &[Case] = &[
    Case {
        title: "a misspelt component",
        files: &[(
            "s.lua",
            r#"local backbone = lapidary.backbone("sasrek")
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a component of another kind",
        files: &[(
            "s.lua",
            r#"local reducer = lapidary.reducer("sasrec")
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a plugin that is not there",
        files: &[(
            "s.lua",
            r#"local backbone = lapidary.backbone("gru4rec")
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "four settings at once",
        files: &[(
            "s.lua",
            r#"local backbone = lapidary.backbone("sasrec", {
  layrs = 2, dropout = 1.5, heads = "two", norm = "bfore",
})
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a setting that is a list and names",
        files: &[(
            "s.lua",
            r#"local backbone = lapidary.backbone("sasrec", { 2, heads = 1 })
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a width that heads do not divide",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local again = lapidary.base_embedder("sasrec", { dim = 9, heads = 2 }):fit(split)
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a width that is none",
        files: &[(
            "s.lua",
            r#"local again = lapidary.base_embedder("sasrec", { dim = 0.5 })
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a language model that is not there",
        files: &[(
            "s.lua",
            r#"local llm = lapidary.llm("openai", { base_url = "http://localhost:1" })
print(llm:info().model)
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a component in Lua that fails",
        files: &[
            (
                "s.lua",
                r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local reducer = lapidary.reducer("broken")
local refined = lapidary.refine { base = base, reducer = reducer, dim = 4 }
"#,
            ),
            (
                "components/broken.lua",
                r#"local function scale(n)
  return n.size * 2
end
return {
  kind = "reducer", name = "broken", summary = "Fails.",
  create = function(settings) return { width = scale(settings.width) } end,
  fit = function(self, table, k) end,
  transform = function(self, table) return table end,
}
"#,
            ),
        ],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a component in Lua that cannot be read",
        files: &[
            (
                "s.lua",
                r#"local reducer = lapidary.reducer("halve")
"#,
            ),
            (
                "components/halve.lua",
                r#"return {
  kind = "reducer", name = "halve", summary = "Halves.",
  fitt = function(self, table, k) end,
}
"#,
            ),
        ],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a component in Lua with a syntax error",
        files: &[
            (
                "s.lua",
                r#"local reducer = lapidary.reducer("halve")
"#,
            ),
            (
                "components/halve.lua",
                r#"return {
  kind = "reducer" name = "halve",
}
"#,
            ),
        ],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a component in Lua with wrong settings",
        files: &[
            (
                "s.lua",
                r#"local reducer = lapidary.reducer("halve")
"#,
            ),
            (
                "components/halve.lua",
                r#"return {
  kind = "reducer", name = "halve", summary = "Halves.",
  settings = { by = { type = "numbr", default = 2 }, at = { type = "integer" } },
  fit = function(self, table, k) end,
  transform = function(self, table) return table end,
}
"#,
            ),
        ],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
];

#[test]
fn what_is_said_of_components() {
    told("components", CASES);
}
