//! Imports the data set that a TOML file describes and writes it in the canonical form:
//! `cargo run --release -p lapidary-core --example export_dataset -- CONFIG.toml FOLDER`

use std::path::Path;
use std::process::ExitCode;

use lapidary_core::data::import::{ImportSpec, import};
use lapidary_core::data::{Dataset, export};
use lapidary_core::{Error, Result};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [config, folder] = arguments.as_slice() else {
        eprintln!("usage: export_dataset CONFIG.toml FOLDER");
        return ExitCode::from(2);
    };
    match run(Path::new(config), Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(config: &Path, folder: &Path) -> Result<()> {
    let spec = ImportSpec::from_toml(config)?;
    let scratch = tempfile::tempdir().map_err(Error::io(folder))?;
    let stored = scratch.path().join("data");
    println!("{}", import(&spec, &stored)?);
    let data = Dataset::open(&stored)?;
    println!("{}", data.summary()?);
    export(&data, folder)
}
