//! Components, their settings, and components written in Lua.

use super::{Case, DRY_RUN, told, trained};

const CASES: &[Case] = &[
    Case {
        title: "a misspelt component",
        files: &[(
            "s.lua",
            r#"local backbone = lapidary.backbone("sasrek")
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a component of another kind",
        files: &[(
            "s.lua",
            r#"local reducer = lapidary.reducer("sasrec")
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a plugin that is not there",
        files: &[(
            "s.lua",
            r#"local backbone = lapidary.backbone("gru4rec")
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a component in Lua that was refused",
        files: &[
            ("components/widest.lua", "return { kind = \"reducer\" }\n"),
            ("s.lua", "local reducer = lapidary.reducer(\"widest\")\n"),
        ],
        ..DRY_RUN
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
        ..DRY_RUN
    },
    Case {
        title: "settings on lines of their own",
        files: &[(
            "s.lua",
            r#"local backbone = lapidary.backbone("sasrec", {
  heads = 2, -- dropuot = 0.1
  dropuot = 0.1,
})
local reducer = lapidary.reducer("autoencoder", {
  hidden = 0,
  epochs = 5,
  validation = 1,
})
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "settings from a configuration",
        files: &[
            (
                "s.lua",
                r#"local config = lapidary.config("exp.toml")
local backbone = lapidary.backbone("sasrec", config.sasrec.backbone)
"#,
            ),
            (
                "exp.toml",
                r#"[gru4rec.backbone]
dropout = 0.2
[sasrec.backbone]
dropout = 1.5
head = 2
"#,
            ),
        ],
        ..DRY_RUN
    },
    Case {
        title: "a setting that is a list and names",
        files: &[(
            "s.lua",
            r#"local backbone = lapidary.backbone("sasrec", { 2, heads = 1 })
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a width that heads do not divide",
        files: &[(
            "s.lua",
            trained!(
                r#"local again = lapidary.base_embedder("sasrec", { dim = 9, heads = 2 }):fit(split)
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a width that is none",
        files: &[(
            "s.lua",
            r#"local again = lapidary.base_embedder("sasrec", { dim = 0.5 })
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a language model that is not there",
        files: &[(
            "s.lua",
            r#"local llm = lapidary.llm("openai", { base_url = "http://localhost:1" })
print(llm:info().model)
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a component in Lua that fails",
        files: &[
            (
                "s.lua",
                trained!(
                    r#"local reducer = lapidary.reducer("broken")
local refined = lapidary.refine { base = base, reducer = reducer, dim = 4 }
"#
                ),
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
        ..DRY_RUN
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
        ..DRY_RUN
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
        ..DRY_RUN
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
        ..DRY_RUN
    },
];

#[test]
fn what_is_said_of_components() {
    told("components", CASES);
}
