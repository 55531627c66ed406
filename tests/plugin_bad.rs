//! Broken plugins, each built here: each is refused, or its failure reported, with an error of its own, and the program
//! lives on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "plugin_bad/build.rs"]
mod build;

use std::path::Path;
use std::process::Command;

use build::{Workshop, redact, text};
use lapidary_core::plugin::{Registry, SearchPath, running_torch};
use lapidary_sdk::Kind;
use lapidary_sdk::kinds::{BackboneContext, ReducerContext};
use lapidary_testkit::library::sample_library;
use serde_json::json;
use tch::{Device, Kind as DType, Tensor};

/// Loads a file that must be refused: its code and message.
fn refusal(path: &Path) -> (&'static str, String) {
    let mut registry = Registry::empty();
    let error = registry.load_file(path).expect_err("it must be refused");
    assert_eq!(registry.entries().count(), 0, "nothing of it is published");
    (error.code(), error.to_string())
}

fn list(workshop: &Workshop, refusals: Vec<(&str, (&str, String))>) -> String {
    let lines = refusals.into_iter().map(|(fault, (code, message))| {
        format!("{fault}\n  {code}\n  {}\n", redact(&message, workshop))
    });
    lines.collect()
}

#[test]
fn files_that_cannot_be_loaded() {
    let shop = Workshop::new();
    let good = std::fs::read(shop.plugin("good.so", &[])).unwrap();
    let mut other_machine = good.clone();
    // Bytes 18 and 19 of an ELF file name the machine; 243 is RISC-V.
    other_machine[18..20].copy_from_slice(&243_u16.to_le_bytes());
    let missing = shop.plugin("missing.so", &["BEFORE_INVOKE=throw_an_exception()"]);
    let refusals = vec![
        ("text", refusal(&shop.file("text.so", b"not a library"))),
        ("empty", refusal(&shop.file("empty.so", b""))),
        (
            "half of it",
            refusal(&shop.file("half.so", &good[..good.len() / 2])),
        ),
        ("first bytes", refusal(&shop.file("first.so", &good[..80]))),
        (
            "other machine",
            refusal(&shop.file("machine.so", &other_machine)),
        ),
        (
            "no symbol",
            refusal(&shop.plugin("no_symbol.so", &["ENTRY=another_name"])),
        ),
        ("missing symbol", refusal(&missing)),
        ("no file", refusal(&shop.folder().join("absent.so"))),
    ];
    insta::assert_snapshot!(list(&shop, refusals));
}

#[test]
fn manifests_that_do_not_fit() {
    let shop = Workshop::new();
    let older = format!("TORCH={}", (2_u64 << 56) | (9 << 48));
    let newer = format!("TORCH={}", (2_u64 << 56) | (99 << 48));
    let same = format!("TORCH={}", running_torch().0);
    let faults: &[(&str, &[&str])] = &[
        ("null entry", &["MANIFEST=0"]),
        ("wrong magic", &["MAGIC=0x123456789"]),
        ("short manifest", &["MANIFEST_SIZE=40"]),
        ("newer major", &["MAJOR=2", "MINOR=3"]),
        ("older major", &["MAJOR=0", "MINOR=9"]),
        ("other libtorch", &["TENSOR_ABI=0", &older]),
        ("newer than libtorch", &[&newer]),
        ("old C++ strings", &["TENSOR_ABI=0", &same, "CXX11_ABI=0"]),
        ("unknown tensors", &["TENSOR_ABI=7"]),
    ];
    let refusals = faults.iter().enumerate().map(|(i, (fault, macros))| {
        (
            *fault,
            refusal(&shop.plugin(&format!("plugin{i}.so"), macros)),
        )
    });
    insta::assert_snapshot!(list(&shop, refusals.collect()));
}

#[test]
fn components_that_do_not_fit() {
    let shop = Workshop::new();
    let no_json = text("DESCRIPTION", "{\"kind\": reducer");
    let odd_json = text("DESCRIPTION", "{\"kind\":\"reducer\",\"name\":\"zeros\"}");
    let other_name = text("DESCRIBED_NAME", "ones");
    let no_transform = text(
        "METHODS",
        r#"{"number":1,"name":"fit","inputs":[],"outputs":[]}"#,
    );
    let bad_schema = text("SETTINGS", r#"{"type":"no such type"}"#);
    let bad_defaults = text("DEFAULTS", r#"{"width":1.5}"#);
    let width = text("SETTINGS", r#"{"properties":{"width":{"type":"integer"}}}"#);
    let faults: &[(&str, &[&str])] = &[
        ("no component", &["COMPONENTS="]),
        ("null component", &["COMPONENTS=&component, 0"]),
        ("short component", &["COMPONENT_SIZE=40"]),
        ("unknown kind", &["KIND=\"sorter\""]),
        ("unknown kind, newer", &["KIND=\"sorter\"", "MINOR=9"]),
        ("empty name", &["NAME=\"\""]),
        ("odd name", &["NAME=\"Zeros!\""]),
        ("null function", &["DESCRIBE=0"]),
        ("cannot describe itself", &["DESCRIBE_STATUS=1"]),
        ("panic in describe", &["DESCRIBE_STATUS=2"]),
        ("no JSON", &[&no_json]),
        ("incomplete description", &[&odd_json]),
        ("another's description", &[&other_name]),
        ("a method is missing", &[&no_transform]),
        ("no schema", &[&bad_schema]),
        ("unfit defaults", &[&width, &bad_defaults]),
        ("same name twice", &["COMPONENTS=&component, &component"]),
    ];
    let refusals = faults.iter().enumerate().map(|(i, (fault, macros))| {
        (
            *fault,
            refusal(&shop.plugin(&format!("plugin{i}.so"), macros)),
        )
    });
    insta::assert_snapshot!(list(&shop, refusals.collect()));
}

/// Loads a C reducer, makes an instance and reduces a table of 4 rows to 2 columns.
fn reduce(path: &Path) -> Result<Tensor, String> {
    let mut registry = Registry::empty();
    registry.load_file(path).unwrap();
    let reduced = || {
        let mut reducer = registry.reducer("zeros", &json!({}), &ReducerContext { seed: 0 })?;
        let table = Tensor::ones([4, 3], (DType::Float, Device::Cpu));
        let call = |e: lapidary_sdk::Error| lapidary_core::Error::component("reducer", "call")(e);
        reducer.fit(&table, 2).map_err(call)?;
        reducer.transform(&table).map_err(call)
    };
    reduced().map_err(|e: lapidary_core::Error| e.to_string())
}

#[test]
fn a_plugin_in_c_that_ignores_the_host_works() {
    let shop = Workshop::new();
    let reduced = reduce(&shop.plugin("good.so", &[])).unwrap();
    assert_eq!(reduced.size(), [4, 2]);
    assert_eq!(f64::try_from(reduced.abs().sum(DType::Float)).unwrap(), 0.0);
}

#[test]
fn a_newer_minor_version_works() {
    let shop = Workshop::new();
    let methods = text(
        "METHODS",
        r#"{"number":1,"name":"fit","inputs":[],"outputs":[]},
           {"number":2,"name":"transform","inputs":[],"outputs":[]},
           {"number":9,"name":"later","inputs":[],"outputs":[]}"#,
    )
    .replace('\n', " ");
    let plugin = shop.plugin("newer.so", &["MINOR=7", &methods]);
    assert!(reduce(&plugin).is_ok());
    let mut registry = Registry::empty();
    registry.load_file(&plugin).unwrap();
    let description = &registry.entry(Kind::Reducer, "zeros").unwrap().description;
    assert!(description.offers(9) && !description.offers(3));
}

#[test]
fn calls_that_go_wrong() {
    let shop = Workshop::new();
    let no_reply = text("FIT_REPLY", "");
    let odd_reply = text("FIT_REPLY", r#"{"explained_variance":"much"}"#);
    let long_reply = text("FIT_REPLY", r#"{"explained_variance":[0.5,0.2,0.1]}"#);
    let faults: &[(&str, &[&str])] = &[
        ("create refuses", &["CREATE_STATUS=1"]),
        ("create panics", &["CREATE_STATUS=2"]),
        ("no instance", &["INSTANCE=0"]),
        ("fit replies nothing", &[&no_reply]),
        ("fit replies otherwise", &[&odd_reply]),
        ("fit replies too much", &[&long_reply]),
        ("reply is not UTF-8", &["FIT_REPLY=\"\\xff\\xfe\""]),
        ("transform fails", &["INVOKE_STATUS=1"]),
        ("transform panics", &["INVOKE_STATUS=2"]),
        ("transform unsupported", &["INVOKE_STATUS=3"]),
        ("unknown status", &["INVOKE_STATUS=77"]),
        ("null tensor", &["OUTPUT=0"]),
        ("no output", &["GIVE_TIMES=0"]),
        ("output twice", &["GIVE_TIMES=2"]),
        ("other output", &["OUTPUT_NAME=\"narrow\""]),
        ("wrong shape", &["OUTPUT=zeros(4, 5, 6)"]),
        ("wrong dtype", &["OUTPUT=zeros(4, 2, 7)"]),
        ("unknown dtype", &["OUTPUT=zeros(4, 2, 28)"]), // uint32
        ("other device", &["OUTPUT=elsewhere(4, 2)"]),
    ];
    let failures = faults.iter().enumerate().map(|(i, (fault, macros))| {
        let message = reduce(&shop.plugin(&format!("plugin{i}.so"), macros)).unwrap_err();
        format!("{fault}\n  {}\n", redact(&message, &shop))
    });
    insta::assert_snapshot!(failures.collect::<String>());
}

#[test]
fn a_name_is_taken_once() {
    let shop = Workshop::new();
    shop.plugin("first.so", &[]);
    shop.plugin("second.so", &["DEFAULTS=\"{ }\""]);
    std::os::unix::fs::symlink(
        shop.folder().join("first.so"),
        shop.folder().join("third.so"),
    )
    .unwrap();
    shop.file("broken.so", b"not a library");
    let mut registry = Registry::empty();
    let report = registry.load_dirs(SearchPath::from_parts(&[shop.folder()], None, None));
    assert_eq!(
        report.loaded.len(),
        1,
        "the same file under another name is skipped"
    );
    let refused: Vec<_> = report
        .refused
        .iter()
        .map(|r| redact(&r.error.to_string(), &shop))
        .collect();
    insta::assert_snapshot!(refused.join("\n"));
    assert!(registry.entry(Kind::Reducer, "zeros").is_ok());
}

#[test]
fn panics_of_rust_plugins_end_inside_them() {
    let mut registry = Registry::empty();
    registry.load_file(&sample_library()).unwrap();
    let context = BackboneContext {
        dim: 3,
        max_len: 5,
        device: "cpu".into(),
    };
    let input = Tensor::ones([2, 4, 3], (DType::Float, Device::Cpu));
    let mask = Tensor::ones([2, 4], (DType::Bool, Device::Cpu));
    let mut messages = Vec::new();
    let faults = [
        "panic_in_create",
        "panic_in_forward",
        "tensor_panic_in_forward",
        "error_in_forward",
        "wrong_shape",
        "wrong_dtype",
        "undefined_tensor",
        "frozen_parameter",
        "panic_in_save",
        "none",
    ];
    for fault in faults {
        let outcome = registry
            .backbone("sample", &json!({ "fault": fault }), &context)
            .map_err(|e| e.to_string())
            .and_then(|b| {
                b.parameters().map_err(|e| e.to_string())?;
                b.save().map_err(|e| e.to_string())?;
                b.forward(&input, &mask, true).map_err(|first| {
                    let second = b.forward(&input, &mask, true).unwrap_err();
                    format!("{first}\n  again: {second}")
                })
            });
        messages.push(match outcome {
            Ok(hidden) => format!("{fault}\n  works: {:?}\n", hidden.size()),
            Err(message) => format!("{fault}\n  {message}\n"),
        });
    }
    let library = sample_library();
    let folder = library.parent().unwrap().display().to_string();
    let text = messages.concat().replace(&folder, "[folder]");
    let text = redact(&text, &Workshop::new());
    insta::assert_snapshot!(without_places(&text));
}

/// Panics of tch name a file of cargo's registry.
fn without_places(text: &str) -> String {
    let lines = text.lines().map(|line| match line.rsplit_once(" (/") {
        Some((message, rest)) => {
            format!("{message} ([place]){}\n", rest.split_once(')').unwrap().1)
        }
        None => format!("{line}\n"),
    });
    lines.collect()
}

const CHILD: &str = "LAPIDARY_TEST_THROWING_PLUGIN";

/// Only does something in the child process of the next test.
#[test]
fn child_that_calls_a_throwing_plugin() {
    if let Some(path) = std::env::var_os(CHILD) {
        println!("reduced: {:?}", reduce(Path::new(&path)));
    }
}

#[test]
fn an_exception_across_the_edge_ends_the_process_that_called() {
    use std::os::unix::process::ExitStatusExt;
    let shop = Workshop::new();
    let child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_that_calls_a_throwing_plugin",
            "--nocapture",
        ])
        .env(CHILD, shop.throwing("throws.so"))
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&child.stdout),
        String::from_utf8_lossy(&child.stderr),
    );
    assert_eq!(child.status.signal(), Some(6), "it aborts:\n{out}{err}");
    assert!(!out.contains("reduced:"), "no result is invented:\n{out}");
}
