//! Prints what a prompt strategy asks about each item of a data set, a line of JSON each, and asks nobody. Plugins are
//! looked for where `LAPIDARY_PLUGIN_PATH` says:
//! `cargo run --release -p lapidary-core --example print_requests -- CONFIG.toml ATTRIBUTES.toml [STRATEGY]`

use std::io::{Write, stdout};
use std::path::Path;
use std::process::ExitCode;

use lapidary_core::data::Dataset;
use lapidary_core::data::import::{ImportSpec, import};
use lapidary_core::guidance::attributes;
use lapidary_core::pipeline::item_text;
use lapidary_core::plugin::{Registry, SearchPath};
use lapidary_core::{Error, Result};
use lapidary_sdk::kinds::{PromptStrategyContext, Subject};
use serde_json::json;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.as_slice() {
        [config, attributes] => run(Path::new(config), Path::new(attributes), "score_phrases"),
        [config, attributes, strategy] => run(Path::new(config), Path::new(attributes), strategy),
        _ => {
            eprintln!("usage: print_requests CONFIG.toml ATTRIBUTES.toml [STRATEGY]");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: &Path, attributes: &Path, strategy: &str) -> Result<()> {
    let scratch = tempfile::tempdir().map_err(Error::io(config))?;
    let stored = scratch.path().join("data");
    import(&ImportSpec::from_toml(config)?, &stored)?;
    let data = Dataset::open(&stored)?;
    let mut registry = Registry::empty();
    registry.load_dirs(SearchPath::new(&[]));
    let context = PromptStrategyContext {
        attributes: attributes::load(attributes)?,
    };
    let strategy = registry.prompt_strategy(strategy, &json!({}), &context)?;
    let mut out = stdout().lock();
    for item in 0..data.items() as u32 {
        let requests = strategy.requests(&Subject::Item(item_text(&data, item)?));
        for request in requests.map_err(Error::component("prompt strategy", "requests"))? {
            writeln!(out, "{}", json!(request)).map_err(Error::io(Path::new("stdout")))?;
        }
    }
    Ok(())
}
