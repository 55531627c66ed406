//! Reads the version of the libtorch that this build links, so that the host can compare it with the running one.

use std::path::PathBuf;

fn main() {
    println!("cargo:rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    let header = std::env::var_os("DEP_TCH_LIBTORCH_LIB")
        .map(|lib| PathBuf::from(lib).join("../include/torch/headeronly/version.h"));
    let text = header.and_then(|path| {
        println!("cargo:rerun-if-changed={}", path.display());
        std::fs::read_to_string(path).ok()
    });
    // Without libtorch (documentation, lints) the number is 0, which every host refuses.
    let number = |name: &str| {
        text.as_deref()
            .and_then(|t| {
                t.lines()
                    .find_map(|l| l.strip_prefix(&format!("#define {name} ")))
            })
            .and_then(|v| v.trim().parse::<u64>().ok())
            .unwrap_or(0)
    };
    let version = number("TORCH_VERSION_MAJOR") << 56
        | number("TORCH_VERSION_MINOR") << 48
        | number("TORCH_VERSION_PATCH") << 40;
    println!("cargo:rustc-env=LAPIDARY_TORCH_VERSION={version}");

    // torch-sys compiles its wrapper with this flag; the official libraries have 1 since libtorch 2.6.
    println!("cargo:rerun-if-env-changed=LIBTORCH_CXX11_ABI");
    let old = std::env::var("LIBTORCH_CXX11_ABI").is_ok_and(|flag| flag == "0");
    println!("cargo:rustc-env=LAPIDARY_CXX11_ABI={}", u8::from(!old));
}
