//! Attributes and templates of questions.

use super::{Case, DRY_RUN, told};

const CASES: &[Case] = &[
    Case {
        title: "four mistakes at once",
        files: &[
            (
                "my.toml",
                r#"domain = "films"
item = "film"
items = "films"
verbs = "watched"

[[attributes]]
name = "humor"
description = "How funny it is."
lo = "serious"
high = "hilarious"
phrases = ["humor"]

[[attributes]]
name = "scares"
description = "How frightening it is."
low = 3
high = "terrifying"
phrases = "scares"
"#,
            ),
            (
                "s.lua",
                r#"local prompt = lapidary.prompt("score_phrases", { attributes = "my.toml" })
"#,
            ),
        ],
        ..DRY_RUN
    },
    Case {
        title: "an attribute twice",
        files: &[
            (
                "my.toml",
                r#"domain = "films"
item = "film"
items = "films"
verb = "watched"

[[attributes]]
name = "humor"
description = "How funny it is."
low = "serious"
high = "hilarious"
phrases = ["humor"]

[[attributes]]
name = "humor"
description = "How frightening it is."
low = "harmless"
high = "terrifying"
phrases = ["scares"]
"#,
            ),
            (
                "s.lua",
                r#"local prompt = lapidary.prompt("score_phrases", { attributes = "my.toml" })
"#,
            ),
        ],
        ..DRY_RUN
    },
    Case {
        title: "texts that cannot be used",
        files: &[
            (
                "my.toml",
                r#"domain = "films"
item = "film"
items = "films"
verb = "watched"

[[attributes]]
name = "Humor!"
description = "How funny it is."
low = "serious"
high = "hilarious"
phrases = ["humor"]

[[attributes]]
name = "scares"
description = "How frightening it is."
low = " harmless"
high = "terrifying"
phrases = ["humor"]
"#,
            ),
            (
                "s.lua",
                r#"local prompt = lapidary.prompt("score_phrases", { attributes = "my.toml" })
"#,
            ),
        ],
        ..DRY_RUN
    },
    Case {
        title: "a key that is missing",
        files: &[
            (
                "my.toml",
                r#"domain = "films"
item = "film"
items = "films"
verb = "watched"

[[attributes]]
name = "humor"
description = "How funny it is."
high = "hilarious"
phrases = ["humor"]

[[attributes]]
name = "scares"
description = "How frightening it is."
low = "harmless"
high = "terrifying"
phrases = ["scares"]
"#,
            ),
            (
                "s.lua",
                r#"local prompt = lapidary.prompt("score_phrases", { attributes = "my.toml" })
"#,
            ),
        ],
        ..DRY_RUN
    },
    Case {
        title: "no attributes",
        files: &[
            (
                "my.toml",
                r#"domain = "films"
item = "film"
items = "films"
verb = "watched"

attributes = []
"#,
            ),
            (
                "s.lua",
                r#"local prompt = lapidary.prompt("score_phrases", { attributes = "my.toml" })
"#,
            ),
        ],
        ..DRY_RUN
    },
    Case {
        title: "a file that is not there",
        files: &[(
            "s.lua",
            r#"local prompt = lapidary.prompt("score_phrases", { attributes = "taste.toml" })
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "no file at all",
        files: &[(
            "s.lua",
            r#"local prompt = lapidary.prompt("score_phrases")
"#,
        )],
        ..DRY_RUN
    },
    Case {
        title: "a template with an unknown placeholder",
        files: &[
            (
                "t.toml",
                r#"item = """
Rate {titel} for {attributes}.
"""
"#,
            ),
            (
                "s.lua",
                r#"local prompt = lapidary.prompt("few_shot", {
  attributes = "tastes.toml", template = "t.toml",
})
"#,
            ),
        ],
        ..DRY_RUN
    },
    Case {
        title: "a template with an unknown key",
        files: &[
            (
                "t.toml",
                r#"itme = "Rate {title}."
"#,
            ),
            (
                "s.lua",
                r#"local prompt = lapidary.prompt("few_shot", {
  attributes = "tastes.toml", template = "t.toml",
})
"#,
            ),
        ],
        ..DRY_RUN
    },
];

#[test]
fn what_is_said_of_attributes_and_templates() {
    told("attributes", CASES);
}
