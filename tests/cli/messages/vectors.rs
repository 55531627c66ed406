//! Vectors from files, tensors and memory.

use super::{Case, told};

const CASES: &[Case] = &[
    Case {
        title: "vectors that are not there",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local base = lapidary.precomputed("vectors.csv")
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "vectors that lack items",
        files: &[
            (
                "s.lua",
                r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local base = lapidary.precomputed("v.csv"):fit(split)
"#,
            ),
            ("v.csv", "item,a,b\ni0,1,2\ni1,3,4\n"),
        ],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "vectors with a wrong number",
        files: &[
            (
                "s.lua",
                r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local base = lapidary.precomputed("v.csv"):fit(split)
"#,
            ),
            ("v.csv", "item,a,b\ni0,1,2\ni1,3,four\n"),
        ],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a table where numbers are needed",
        files: &[("s.lua", "local t = lapidary.zeros { 100, 100 }\n")],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a tensor too large",
        files: &[("s.lua", "local t = lapidary.zeros(100000, 100000)\n")],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a model too large",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local again = lapidary.base_embedder("sasrec", { dim = 10000000, heads = 1, layers = 1 }):fit(split)
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
];

#[test]
fn what_is_said_of_vectors_and_memory() {
    told("vectors", CASES);
}
