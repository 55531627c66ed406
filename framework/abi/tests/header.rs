//! The C header is generated from this crate and kept under version control.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::path::Path;

#[test]
fn the_header_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).unwrap();
    let mut generated = Vec::new();
    cbindgen::Builder::new()
        .with_src(root.join("src/lib.rs"))
        .with_config(config)
        .generate()
        .unwrap()
        .write(&mut generated);
    // cbindgen puts the types' prefix before constants too.
    let generated = String::from_utf8(generated)
        .unwrap()
        .replace("Lapidary_", "LAPIDARY_");

    let path = root.join("include/lapidary_plugin.h");
    if std::env::var_os("LAPIDARY_UPDATE").is_some() {
        std::fs::write(&path, &generated).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == generated,
        "{} is stale: renew it with `LAPIDARY_UPDATE=1 cargo test -p lapidary-abi`",
        path.display()
    );
}
