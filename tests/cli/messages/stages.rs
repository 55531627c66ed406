//! Settings of stages, and stages that do not fit each other.

use super::{Case, DRY_RUN, told, trained};

const CASES: &[Case] = &[
    Case {
        title: "three misspelt settings of training and two out of range",
        files: &[(
            "s.lua",
            trained!(
                r#"local again = embedder:fit(split, {
  epcohs = 3, learning_rte = 0.1, optimizer = "adam",
  batch_size = 0, beta1 = 1.5, loss = "cross_entropi",
})
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "an unknown metric",
        files: &[(
            "s.lua",
            trained!(
                r#"local found = base:evaluate(split.test, { "mrr@10", "ngcd@10" })
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a metric without a cut-off",
        files: &[(
            "s.lua",
            trained!(
                r#"local found = base:evaluate(split.test, { metrics = { "recall" } })
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a metric of a finished evaluation",
        files: &[(
            "s.lua",
            trained!(
                r#"local found = base:evaluate(split.test)
print(found:value("ndgc@10"))
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a setting of a split",
        files: &[(
            "s.lua",
            trained!(
                r#"local other = data:leave_one_out { maxlen = 8, min_len = 2, hold_out_items = 1.5 }
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a refinement without a reducer",
        files: &[(
            "s.lua",
            trained!(
                r#"local refined = lapidary.refine { base = base, dim = 4 }
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a reducer that would widen",
        files: &[(
            "s.lua",
            trained!(
                r#"local refined = lapidary.refine { base = base, reducer = lapidary.reducer("pca"), reduced_dim = 12 }
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "more attributes than columns",
        files: &[(
            "s.lua",
            trained!(
                r#"local guided = lapidary.guided(split, { attributes = { "a", "b", "c" } })
local refined = lapidary.refine { base = base, guided = guided, reducer = lapidary.reducer("pca"), dim = 2 }
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "an attribute that was not scored",
        files: &[(
            "s.lua",
            trained!(
                r#"local guided = lapidary.guided(split, { attributes = { "humor", "scares" } })
local refined = lapidary.refine {
  base = base, guided = guided, reducer = lapidary.reducer("pca"), attributes = { "humour" },
}
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "settings of a refinement",
        files: &[(
            "s.lua",
            trained!(
                r#"local refined = lapidary.refine { base = base, alfa = 1, temperature = 0, normalise = "zscore", neighbours = 0 }
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "the base is missing",
        files: &[(
            "s.lua",
            trained!(
                r#"local refined = lapidary.refine { dim = 4 }
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "parts of two splits",
        files: &[(
            "s.lua",
            trained!(
                r#"local other = data:leave_one_out { max_len = 8, seed = 1 }
local refined = lapidary.refine { base = base }
local model = lapidary.backbone("sasrec", { heads = 1 }):fit(other, refined)
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "cold items of a split that has none",
        files: &[(
            "s.lua",
            trained!(
                r#"local found = base:evaluate(split.cold)
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a user that is not there",
        files: &[(
            "s.lua",
            trained!(
                r#"local best = base.model:recommend("u99", { k = 3 })
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a number of items that is none",
        files: &[(
            "s.lua",
            trained!(
                r#"local best = base.model:recommend("u3", { k = 0 })
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a comparison with a name twice",
        files: &[(
            "s.lua",
            trained!(
                r#"local found = base:evaluate(split.test)
lapidary.compare { { "base", { found } }, { "base", { found } } }
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a search without a function",
        files: &[(
            "s.lua",
            trained!(
                r#"local found = lapidary.search { space = { dropout = { 0.1, 0.2 } }, trails = 3 }
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a space that is none",
        files: &[(
            "s.lua",
            trained!(
                r#"local found = lapidary.search {
  space = { dropout = lapidary.uniform(0.5, 0.1) }, run = function() return 1 end,
}
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "settings of a search",
        files: &[(
            "s.lua",
            trained!(
                r#"local found = lapidary.search {
  space = { dropout = { 0.1, 0.2 } }, run = function() return 1 end, trails = 3, eta = 1, metric = "ndcq@10",
}
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a search by a metric that validation does not compute",
        files: &[(
            "s.lua",
            trained!(
                r#"local found = lapidary.search {
  space = { dropout = { 0.1, 0.2 } }, trials = 2, metric = "map@10",
  run = function(s, epochs) return embedder:fit(split, { epochs = epochs }) end,
}
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "a name of a file that leads out",
        files: &[(
            "s.lua",
            trained!(
                r#"base:evaluate(split.test):export("../../best")
"#
            ),
        )],
        ..DRY_RUN
    },
    Case {
        title: "steering along an attribute that is not there",
        files: &[(
            "s.lua",
            trained!(
                r#"print(base.model:steering(split.test, { attribute = "humor" }))
"#
            ),
        )],
        ..DRY_RUN
    },
];

#[test]
fn what_is_said_of_stages() {
    told("stages", CASES);
}
