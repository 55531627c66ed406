//! Settings of stages, and stages that do not fit each other.

use super::{Case, told};

const CASES: &[Case] = &[
    Case {
        title: "three misspelt settings of training and two out of range",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local again = embedder:fit(split, {
  epcohs = 3, learning_rte = 0.1, optimizer = "adam",
  batch_size = 0, beta1 = 1.5, loss = "cross_entropi",
})
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "an unknown metric",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local found = base:evaluate(split.test, { "mrr@10", "ngcd@10" })
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a metric without a cut-off",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local found = base:evaluate(split.test, { metrics = { "recall" } })
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a metric of a finished evaluation",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local found = base:evaluate(split.test)
print(found:value("ndgc@10"))
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a setting of a split",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local other = data:leave_one_out { maxlen = 8, min_len = 2, hold_out_items = 1.5 }
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a refinement without a reducer",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local refined = lapidary.refine { base = base, dim = 4 }
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a reducer that would widen",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local refined = lapidary.refine { base = base, reducer = lapidary.reducer("pca"), reduced_dim = 12 }
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "more attributes than columns",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local guided = lapidary.guided(split, { attributes = { "a", "b", "c" } })
local refined = lapidary.refine { base = base, guided = guided, reducer = lapidary.reducer("pca"), dim = 2 }
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "an attribute that was not scored",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local guided = lapidary.guided(split, { attributes = { "humor", "scares" } })
local refined = lapidary.refine {
  base = base, guided = guided, reducer = lapidary.reducer("pca"), attributes = { "humour" },
}
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "settings of a refinement",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local refined = lapidary.refine { base = base, alfa = 1, temperature = 0, normalise = "zscore", neighbours = 0 }
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "the base is missing",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local refined = lapidary.refine { dim = 4 }
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "parts of two splits",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local other = data:leave_one_out { max_len = 8, seed = 1 }
local refined = lapidary.refine { base = base }
local model = lapidary.backbone("sasrec", { heads = 1 }):fit(other, refined)
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "cold items of a split that has none",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local found = base:evaluate(split.cold)
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a user that is not there",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local best = base.model:recommend("u99", { k = 3 })
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a number of items that is none",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local best = base.model:recommend("u3", { k = 0 })
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a comparison with a name twice",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local found = base:evaluate(split.test)
lapidary.compare { { "base", { found } }, { "base", { found } } }
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a search without a function",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local found = lapidary.search { space = { dropout = { 0.1, 0.2 } }, trails = 3 }
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a space that is none",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local found = lapidary.search {
  space = { dropout = lapidary.uniform(0.5, 0.1) }, run = function() return 1 end,
}
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "settings of a search",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local found = lapidary.search {
  space = { dropout = { 0.1, 0.2 } }, run = function() return 1 end, trails = 3, eta = 1, metric = "ndcq@10",
}
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a search by a metric that validation does not compute",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
local found = lapidary.search {
  space = { dropout = { 0.1, 0.2 } }, trials = 2, metric = "map@10",
  run = function(s, epochs) return embedder:fit(split, { epochs = epochs }) end,
}
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "a name of a file that leads out",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
base:evaluate(split.test):export("../../best")
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
    Case {
        title: "steering along an attribute that is not there",
        files: &[(
            "s.lua",
            r#"local data = lapidary.dataset("films.toml")
local split = data:leave_one_out { max_len = 8 }
local embedder = lapidary.base_embedder("sasrec", { dim = 8, heads = 1, layers = 1 })
local base = embedder:fit(split, { epochs = 1 })
print(base.model:steering(split.test, { attribute = "humor" }))
"#,
        )],
        arguments: &["run", "s.lua", "--dry-run"],
        variables: &[],
    },
];

#[test]
fn what_is_said_of_stages() {
    told("stages", CASES);
}
