//! The strategies keep what every prompt strategy promises, linked in and loaded.

use lapidary_prompts as _;

const EXAMPLE: &str = r#"
item = "How is {title}? {attributes} {format}"
user = "Somebody {verb} {history}. {format}"
[[examples]]
item = { title = "Airplane!" }
scores = { humour = 10, suspense = 1, romance = 2.5 }
"#;

lapidary_testkit::conformance!(
    prompt_strategy: "score_phrases",
    prompt_strategy: "score_digits",
    prompt_strategy: "score_json",
    prompt_strategy: "few_shot",
    prompt_strategy: "few_shot" = serde_json::json!({ "template": EXAMPLE }),
    prompt_strategy: "reasoned",
);
