//! The strategies keep what every prompt strategy promises, linked in and loaded.

use lapidary_prompts as _;

lapidary_testkit::conformance!(
    "prompts";
    prompt_strategy: "score_phrases",
    prompt_strategy: "score_digits",
    prompt_strategy: "score_json",
);
