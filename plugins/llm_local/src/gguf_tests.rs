#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/quants.gguf")
}

fn open_bytes(bytes: &[u8]) -> Result<Gguf> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.gguf");
    std::fs::write(&path, bytes).unwrap();
    Gguf::open(&path)
}

/// A file head: version, counts, then what `body` adds.
fn head(version: u32, tensors: u64, values: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend(version.to_le_bytes());
    bytes.extend(tensors.to_le_bytes());
    bytes.extend(values.to_le_bytes());
    bytes.extend(body);
    bytes
}

fn text(of: &str) -> Vec<u8> {
    [&(of.len() as u64).to_le_bytes()[..], of.as_bytes()].concat()
}

fn tensor_entry(name: &str, shape: &[u64], format: u32, offset: u64) -> Vec<u8> {
    let mut bytes = text(name);
    bytes.extend((shape.len() as u32).to_le_bytes());
    shape
        .iter()
        .for_each(|size| bytes.extend(size.to_le_bytes()));
    bytes.extend(format.to_le_bytes());
    bytes.extend(offset.to_le_bytes());
    bytes
}

#[test]
fn metadata_has_its_types() {
    let file = Gguf::open(&fixture()).unwrap();
    assert_eq!(file.int("test.number").unwrap(), Some(7));
    assert_eq!(file.float("test.float").unwrap(), Some(0.5));
    assert_eq!(file.get("test.flag"), Some(&Value::Int(1)));
    assert_eq!(file.texts("test.texts").unwrap(), ["a", "ü", ""]);
    assert_eq!(file.get("test.numbers"), Some(&Value::Ints(vec![1, -2, 3])));
    assert_eq!(file.text("missing").unwrap(), None);
    assert!(
        file.text("test.number")
            .unwrap_err()
            .to_string()
            .contains("`test.number` is no text")
    );
}

#[test]
fn every_format_equals_the_independent_values() {
    let file = Gguf::open(&fixture()).unwrap();
    let names: Vec<_> = file
        .tensors()
        .keys()
        .filter(|n| !n.ends_with(".expected"))
        .collect();
    assert_eq!(names.len(), 10, "{names:?}");
    for name in names {
        let found = file.tensor(name).unwrap();
        let expected = file.tensor(&format!("{name}.expected")).unwrap();
        assert_eq!(found.size(), [2, 512]);
        let worst = (&found - &expected).abs().max().double_value(&[]);
        let scale = expected.abs().max().double_value(&[]);
        assert!(worst <= scale * 1e-6, "{name}: {worst} off");
        assert!(scale > 0.1, "{name}: the fixture is empty");
    }
}

#[test]
fn a_file_cut_anywhere_is_an_error() {
    let whole = std::fs::read(fixture()).unwrap();
    let cuts = (0..2000)
        .step_by(7)
        .chain([whole.len() - 1, whole.len() / 2]);
    for cut in cuts {
        let error = open_bytes(&whole[..cut]).unwrap_err().to_string();
        assert!(error.contains("broken.gguf"), "{error}");
    }
}

#[test]
fn a_flipped_byte_never_panics() {
    let whole = std::fs::read(fixture()).unwrap();
    for at in (0..1500).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        if let Ok(file) = open_bytes(&bytes) {
            assert!(file.tensors().len() <= 20);
        }
    }
}

#[test]
fn lies_are_named() {
    let huge_text = [&u64::MAX.to_le_bytes()[..], b"x"].concat();
    let huge_array = [
        text("k"),
        9u32.to_le_bytes().to_vec(),
        0u32.to_le_bytes().to_vec(),
        (1u64 << 60).to_le_bytes().to_vec(),
    ]
    .concat();
    let too_large = tensor_entry("t", &[1 << 40, 1 << 40], 0, 0);
    let past_end = tensor_entry("t", &[64], 0, 0);
    let odd_row = tensor_entry("t", &[33], 2, 0);
    let odd_offset = tensor_entry("t", &[1], 0, 1);
    let far = tensor_entry("t", &[1], 0, u64::MAX - 31);
    let unknown = tensor_entry("t", &[32], 20, 0);
    let many_axes = tensor_entry("t", &[1, 1, 1, 1, 1], 0, 0);
    let twice = [tensor_entry("t", &[1], 0, 0), tensor_entry("t", &[1], 0, 0)].concat();
    let cases: [(Vec<u8>, &str); 14] = [
        (b"GGML".to_vec(), "not a GGUF file"),
        (head(1, 0, 0, &[]), "GGUF version 1"),
        (head(3u32.swap_bytes(), 0, 0, &[]), "big-endian"),
        (head(3, 0, u64::MAX, &[]), "cut short"),
        (head(3, 0, 1, &huge_text), "more than the file can hold"),
        (head(3, 0, 1, &huge_array), "more than the file can hold"),
        (head(3, 1, 0, &too_large), "too large"),
        (head(3, 1, 0, &past_end), "past the end"),
        (head(3, 1, 0, &odd_row), "blocks of 32"),
        (head(3, 1, 0, &odd_offset), "not a multiple of 32"),
        (head(3, 1, 0, &far), "past the end"),
        (head(3, 1, 0, &unknown), "number format 20"),
        (head(3, 1, 0, &many_axes), "5 dimensions"),
        (head(3, 2, 0, &twice), "twice"),
    ];
    for (bytes, expected) in cases {
        let error = open_bytes(&bytes).unwrap_err().to_string();
        assert!(
            error.contains(expected),
            "expected `{expected}` in: {error}"
        );
    }
}
