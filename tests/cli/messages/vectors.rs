//! Vectors from files, tensors and memory.

use super::{Case, DRY_RUN, told, trained};

const CASES: &[Case] = &[
    Case {
        title: "vectors that are not there",
        files: &[(
            "s.lua",
            trained!(
                r#"local base = lapidary.precomputed("vectors.csv")
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "vectors that lack items",
        files: &[
            (
                "s.lua",
                trained!(
                    r#"local base = lapidary.precomputed("v.csv"):fit(split)
"#
                ),
            ),
            ("v.csv", "item,a,b\ni0,1,2\ni1,3,4\n"),
        ],
        ..DRY_RUN
    },
    Case {
        title: "vectors with a wrong number",
        files: &[
            (
                "s.lua",
                trained!(
                    r#"local base = lapidary.precomputed("v.csv"):fit(split)
"#
                ),
            ),
            ("v.csv", "item,a,b\ni0,1,2\ni1,3,four\n"),
        ],
        ..DRY_RUN
    },
    Case {
        title: "a table where numbers are needed",
        files: &[("s.lua", "local t = lapidary.zeros { 100, 100 }\n")],
        ..DRY_RUN
    },
    Case {
        title: "a tensor too large",
        files: &[("s.lua", "local t = lapidary.zeros(100000, 100000)\n")],
        ..DRY_RUN
    },
    Case {
        title: "a model too large",
        files: &[(
            "s.lua",
            trained!(
                r#"local again = lapidary.base_embedder("sasrec", { dim = 10000000, heads = 1, layers = 1 }):fit(split)
"#
            ),
        )],
        ..DRY_RUN
    },
];

#[test]
fn what_is_said_of_vectors_and_memory() {
    told("vectors", CASES);
}
