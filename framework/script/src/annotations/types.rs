//! The types that `API.md` does not write: of results, parameters and the values in settings.

/// What stands for a tensor beside its members.
pub(super) const TENSOR: &str = "\
---@operator add(lapidary.Tensor): lapidary.Tensor
---@operator add(number): lapidary.Tensor
---@operator sub(lapidary.Tensor): lapidary.Tensor
---@operator sub(number): lapidary.Tensor
---@operator mul(lapidary.Tensor): lapidary.Tensor
---@operator mul(number): lapidary.Tensor
---@operator div(lapidary.Tensor): lapidary.Tensor
---@operator div(number): lapidary.Tensor
---@operator pow(lapidary.Tensor): lapidary.Tensor
---@operator pow(number): lapidary.Tensor
---@operator unm: lapidary.Tensor
---@operator len: integer
---@field [integer] any A row, or a number where one value is left.
";

/// Settings that hold values of scripts: function, key, type; `!` before the type of one that must be there.
pub(super) const HELD: &[(&str, &str, &str)] = &[
    ("lapidary.refine", "base", "!lapidary.BaseEmbedding"),
    ("lapidary.refine", "reducer", "lapidary.Reducer"),
    ("lapidary.refine", "guided", "lapidary.GuidedScores"),
    ("lapidary.refine", "seed", "integer"),
    ("lapidary.search", "space", "!table<string, any>"),
    (
        "lapidary.search",
        "run",
        "!fun(settings: table<string, any>, epochs: integer): lapidary.Model|lapidary.BaseEmbedding|number",
    ),
    ("lapidary.search", "seed", "integer"),
    (
        "lapidary.sweep",
        "settings",
        "table<string, any[]>|table<string, any[]>[]",
    ),
    (
        "lapidary.compare",
        "[integer]",
        "![string, lapidary.Evaluation[]]",
    ),
    ("model:recommend", "before", "lapidary.Cases"),
    ("model:explain", "before", "lapidary.Cases"),
    ("prompt:score", "items", "lapidary.GuidedScores"),
    ("base:evaluate", "[integer]", "string"),
    ("model:evaluate", "[integer]", "string"),
    ("popularity:evaluate", "[integer]", "string"),
    ("llm:propose_attributes", "seed", "integer"),
];

/// Settings of components that the host takes out: function, key, type, meaning.
pub(super) const TAKEN_OUT: &[(&str, &str, &str, &str)] = &[
    (
        "base_embedder",
        "dim",
        "integer",
        "Width of the embedding; default 64.",
    ),
    (
        "prompt",
        "attributes",
        "!string",
        "The TOML file of the attributes to score.",
    ),
];

/// Types of fields and results, by what `API.md` calls them.
const RESULTS: &[(&str, &str)] = &[
    ("lapidary.version", "string"),
    ("lapidary.setting", "any"),
    ("lapidary.device", "string"),
    ("lapidary.seed", "integer"),
    ("lapidary.dry_run", "boolean"),
    ("lapidary.folder", "string"),
    ("lapidary.config", "any"),
    ("lapidary.with", "any"),
    ("lapidary.write", "string"),
    ("lapidary.components", "string[]"),
    ("lapidary.dataset", "lapidary.DataSet"),
    ("data.name", "string"),
    ("data.users", "integer"),
    ("data.items", "integer"),
    ("data.interactions", "integer"),
    ("data.fingerprint", "string"),
    ("data:summary", "table<string, any>"),
    (
        "data:item",
        "{ id: string, title?: string, year?: integer, categories: string[], fields: table<string, any> }",
    ),
    ("data:categories", "string[], lapidary.Tensor"),
    ("data:leave_one_out", "lapidary.Split"),
    ("data:temporal", "lapidary.Split"),
    ("split.users", "integer"),
    ("split.items", "integer"),
    ("split.max_len", "integer"),
    ("split.fingerprint", "string"),
    ("split:report", "table<string, any>"),
    ("split.valid", "lapidary.Cases"),
    ("split.test", "lapidary.Cases"),
    ("split.cold", "lapidary.Cases"),
    ("cases:user", "string"),
    ("lapidary.base_embedder", "lapidary.BaseEmbedder"),
    ("embedder:fit", "lapidary.BaseEmbedding"),
    ("lapidary.precomputed", "lapidary.PrecomputedEmbedding"),
    ("precomputed:fit", "lapidary.BaseEmbedding"),
    ("lapidary.text_embedder", "lapidary.TextEmbedder"),
    ("text_embedder:fit", "lapidary.BaseEmbedding"),
    ("base.dim", "integer"),
    ("base.fingerprint", "string"),
    ("base.model", "lapidary.Model"),
    ("base:table", "lapidary.Tensor"),
    ("base:users", "lapidary.Tensor"),
    ("base:evaluate", "lapidary.Evaluation"),
    ("lapidary.llm", "lapidary.LanguageModel"),
    ("llm:info", "table<string, any>"),
    (
        "llm:propose_attributes",
        "{ file: string, text: string, attributes: string[], dropped: string[] }|nil",
    ),
    ("lapidary.prompt", "lapidary.PromptStrategy"),
    ("prompt:score", "lapidary.GuidedScores"),
    ("prompt:fine_tune", "lapidary.FineTunedLanguageModel"),
    ("lapidary.guided", "lapidary.GuidedScores"),
    ("guided.attributes", "string[]"),
    ("guided.fingerprint", "string"),
    ("guided:items", "lapidary.Tensor"),
    ("guided:users", "lapidary.Tensor"),
    ("guided:figures", "table<string, any>|nil"),
    ("guided:highest", "string[]"),
    ("guided:lowest", "string[]"),
    (
        "guided:agreement",
        "{ attribute: string, category: string, items: integer, auc: number }[]",
    ),
    ("tuned.llm", "lapidary.LanguageModel"),
    ("tuned.folder", "string|nil"),
    ("tuned.fingerprint", "string"),
    ("tuned:history", "table<string, any>"),
    ("lapidary.reducer", "lapidary.Reducer"),
    ("reducer.name", "string"),
    ("lapidary.refine", "lapidary.RefinedEmbedding"),
    ("refined.dim", "integer"),
    ("refined.attributes", "string[]"),
    ("refined.fingerprint", "string"),
    ("refined:report", "table<string, any>"),
    ("lapidary.backbone", "lapidary.Backbone"),
    ("backbone:fit", "lapidary.Model"),
    ("model.fingerprint", "string"),
    ("model.attributes", "string[]"),
    ("model:history", "table<string, any>"),
    ("model:item_table", "lapidary.Tensor"),
    ("model:evaluate", "lapidary.Evaluation"),
    (
        "model:recommend",
        "{ item: string, title: string, score: number }[]",
    ),
    (
        "model:explain",
        "{ score: number, rest: number, parts: { attribute: string, value: number, user: number, item: number, percent?: number, words?: string }[] }",
    ),
    ("model:faithfulness", "table<string, any>|nil"),
    ("model:steering", "table<string, any>|nil"),
    ("lapidary.uniform", "table"),
    ("lapidary.log_uniform", "table"),
    ("lapidary.integer", "table"),
    ("lapidary.search", "lapidary.Search"),
    ("found.best", "table<string, any>"),
    ("found.value", "number|nil"),
    ("found.model", "any"),
    (
        "found.trials",
        "{ settings: table<string, any>, epochs?: integer, value?: number, failed?: string }[]",
    ),
    ("evaluation:value", "number"),
    ("evaluation.tied", "number"),
    ("lapidary.popularity", "lapidary.Baseline"),
    ("lapidary.chance", "lapidary.Baseline"),
    ("lapidary.trec_run", "lapidary.Baseline"),
    ("popularity:evaluate", "lapidary.Evaluation"),
    ("lapidary.sweep", "lapidary.Sweep"),
    ("sweep.runs", "table<string, any>[]"),
    ("lapidary.compare", "lapidary.Comparison"),
    ("comparison.names", "string[]"),
    ("comparison:mean", "number"),
    ("comparison:gain", "number|nil"),
    ("lapidary.load_tensors", "table<string, lapidary.Tensor>"),
    ("lapidary.save_tensors", "string"),
    ("lapidary.gradients", "table<any, lapidary.Tensor>"),
    ("t.shape", "integer[]"),
    ("t.device", "string"),
    ("t.dtype", "string"),
    ("t:sort", "lapidary.Tensor, lapidary.Tensor"),
    ("t:eigh", "lapidary.Tensor, lapidary.Tensor"),
    ("t:svd", "lapidary.Tensor, lapidary.Tensor, lapidary.Tensor"),
    ("t:item", "number"),
    ("t:totable", "any"),
];

/// Functions that give nothing back.
pub(super) const NOTHING: [&str; 3] = ["lapidary.note", "evaluation:export", "t:free"];

/// The type of a field, or of what a function gives back; none where it gives nothing.
pub(super) fn of(name: &str) -> Option<&'static str> {
    let found = RESULTS.iter().find(|(known, _)| *known == name);
    let tensors = [
        "tensor",
        "zeros",
        "ones",
        "eye",
        "arange",
        "normal",
        "cat",
        "stack",
        "parameter",
    ];
    let is_tensor = |name: &str| {
        name.starts_with("t:")
            || (name.strip_prefix("lapidary.")).is_some_and(|own| tensors.contains(&own))
    };
    match found {
        Some((_, sort)) => Some(sort),
        None if NOTHING.contains(&name) => None,
        None => is_tensor(name).then_some("lapidary.Tensor"),
    }
}

/// Types of parameters, by function and name; those of every function come last.
const PARAMETERS: &[(&str, &str, &str)] = &[
    (
        "lapidary.guided",
        "settings",
        "{ attributes: string[], items?: lapidary.Tensor }",
    ),
    ("lapidary.note", "values", "table<string, number>"),
    ("lapidary.with", "settings", "table"),
    ("lapidary.with", "more", "table"),
    (
        "lapidary.save_tensors",
        "tensors",
        "table<string, lapidary.Tensor>",
    ),
    (
        "lapidary.gradients",
        "tensors",
        "table<any, lapidary.Tensor>",
    ),
    ("lapidary.parameter", "shape", "table"),
    (
        "lapidary.parameter",
        "first",
        "{ std?: number, bound?: number, value?: number }",
    ),
    (
        "lapidary.components",
        "kind",
        "\"backbone\"|\"base_embedder\"|\"llm\"|\"prompt_strategy\"|\"reducer\"",
    ),
    ("lapidary.tensor", "values", "table"),
    ("t:to_device", "name", "string"),
    (
        "t:to_dtype",
        "name",
        "\"float\"|\"double\"|\"int64\"|\"bool\"",
    ),
    ("lapidary.setting", "default", "string|number|boolean|nil"),
    ("", "settings", "table"),
    ("", "key", "string"),
    ("", "file", "string"),
    ("", "name", "string"),
    ("", "text", "string"),
    ("", "stage", "string"),
    ("", "id", "string"),
    ("", "user", "string"),
    ("", "item", "string"),
    ("", "attribute", "string"),
    ("", "metric", "string"),
    ("", "way", "string"),
    ("", "keep_seen", "boolean"),
    ("", "split", "lapidary.Split"),
    ("", "cases", "lapidary.Cases"),
    ("", "llm", "lapidary.LanguageModel"),
    ("", "data", "lapidary.DataSet"),
    ("", "guided", "lapidary.GuidedScores"),
    ("", "refined", "lapidary.RefinedEmbedding"),
    ("", "tensors", "lapidary.Tensor[]"),
    ("", "t", "lapidary.Tensor"),
    ("", "u", "lapidary.Tensor|number"),
    ("", "mask", "lapidary.Tensor"),
    ("", "places", "lapidary.Tensor"),
    ("", "weight", "lapidary.Tensor"),
    ("", "bias", "lapidary.Tensor"),
    ("", "number", "number"),
    ("", "low", "number"),
    ("", "high", "number"),
    ("", "epsilon", "number"),
    ("", "p", "number"),
    ("", "train", "boolean"),
    ("", "keep", "boolean"),
    ("", "descending", "boolean"),
    ("", "n", "integer"),
    ("", "...", "integer"),
    ("", "dim", "integer"),
    ("", "seed", "integer"),
    ("", "rows", "integer"),
    ("", "columns", "integer"),
    ("", "first", "integer"),
    ("", "last", "integer"),
    ("", "place", "integer"),
    ("", "diagonal", "integer"),
    ("", "a", "integer"),
    ("", "b", "integer"),
];

/// The type of a function's parameter; `any` where none is known.
pub(super) fn parameter(function: &str, name: &str) -> &'static str {
    let known = PARAMETERS.iter();
    let mut fitting =
        known.filter(|(of, own, _)| *own == name && (*of == function || of.is_empty()));
    fitting.next().map_or("any", |(_, _, sort)| sort)
}
