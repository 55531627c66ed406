//! What only Gemma 3 has: its tokenizer, its window, its constants; and the real model, where it is there.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{changed, fixture, ints, logits, models_folder, replace, tensors, tiny, worst};
use lapidary_llm_local::files::ModelFiles;
use lapidary_llm_local::find::{VARIABLE, find};
use lapidary_llm_local::tokenizer::TextCodec;
use lapidary_llm_local::tree::{Batch, Before, Tree};
use lapidary_sdk::prelude::*;
use serde_json::Value;

fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixture(name)).unwrap()).unwrap()
}

fn numbers<T: serde::de::DeserializeOwned>(value: &Value) -> T {
    serde_json::from_value(value.clone()).unwrap()
}

fn codecs() -> [TextCodec; 2] {
    ["tiny_gemma3", "tiny_gemma3.gguf"]
        .map(|name| ModelFiles::open(&fixture(name)).unwrap().codec().unwrap())
}

#[test]
fn token_ids_are_those_of_sentencepiece_after_the_token_that_begins_a_text() {
    let all = json("tiny_gemma3_tokens.json");
    assert!(all.as_array().unwrap().len() > 8);
    for codec in codecs() {
        for case in all.as_array().unwrap() {
            let text = case["text"].as_str().unwrap();
            let prompt = codec.prompt(&Prompt::Text(text.to_owned())).unwrap();
            let found = codec.prompt_tokens(&prompt).unwrap();
            assert_eq!(found[0], 2);
            assert_eq!(found[1..], numbers::<Vec<i64>>(&case["ids"]), "{text:?}");
            assert_eq!(codec.decode(&found).unwrap(), text);
            let prompt = codec.prompt(&Prompt::Text("Its".to_owned())).unwrap();
            let before = codec.prompt_tokens(&prompt).unwrap();
            let story = codec.continuation_tokens(&prompt, &before, " love story");
            let joint = codec
                .prompt(&Prompt::Text("Its love story".to_owned()))
                .unwrap();
            let joint = codec.prompt_tokens(&joint).unwrap();
            assert_eq!([before, story.unwrap()].concat(), joint);
        }
    }
}

#[test]
fn chats_are_those_of_the_templates() {
    let mut with: Vec<_> = codecs().into_iter().map(|c| ("tiny_gemma3", c)).collect();
    let qwen3 = ModelFiles::open(&fixture("tiny_qwen3")).unwrap();
    with.push(("tiny_qwen3", qwen3.codec().unwrap()));
    for (name, codec) in with {
        let expected = json(&format!("{name}_chat.json"));
        let messages: Vec<Message> = numbers(&expected["messages"]);
        let turn = &messages[1..];
        let chat = |messages: &[Message]| {
            codec.prompt(&Prompt::Chat {
                messages: messages.to_vec(),
                answer_start: String::new(),
            })
        };
        let text = chat(&messages).unwrap();
        assert_eq!(text.text, expected["text"].as_str().unwrap(), "{name}");
        let ids: Vec<i64> = numbers(&expected["ids"]);
        assert_eq!(codec.prompt_tokens(&text).unwrap(), ids, "{name}");
        assert!(chat(turn).is_ok());
        if name == "tiny_gemma3" {
            let error = chat(&messages[2..]).unwrap_err().to_string();
            assert!(error.contains("roles must alternate"), "{error}");
        }
    }
}

#[test]
fn the_scale_of_queries_and_the_rotary_bases_count() {
    let expected = tensors("tiny_gemma3_expected.safetensors");
    let ids = ints(&expected["ids.0"]);
    let other = changed("tiny_gemma3", |path| {
        let config = path.join("config.json");
        replace(
            &config,
            "\"query_pre_attn_scalar\": 16",
            "\"query_pre_attn_scalar\": 40",
        );
        let mut json: Value =
            numbers(&serde_json::from_slice(&std::fs::read(&config).unwrap()).unwrap());
        json["rope_parameters"]["full_attention"] =
            serde_json::json!({"rope_type": "linear", "rope_theta": 1e6, "factor": 4.0});
        std::fs::write(&config, json.to_string()).unwrap();
    });
    let model = ModelFiles::open(other.path()).unwrap();
    let model = model.model(DType::Float, Device::Cpu).unwrap();
    let found = logits(&model, &ids).narrow(0, ids.len() as i64 - 4, 4);
    let off = worst(&found, &expected["changed.0"]);
    assert!(off < 1e-4, "{off}");
    assert!(worst(&expected["changed.0"], &expected["logits.0"]) > 0.05);
}

#[test]
fn bf16_differs_from_f32_in_rounding_alone() {
    let expected = tensors("tiny_gemma3_expected.safetensors");
    let ids = ints(&expected["ids.0"]);
    let files = ModelFiles::open(&fixture("tiny_gemma3")).unwrap();
    let model = files.model(DType::BFloat16, Device::Cpu).unwrap();
    let found = logits(&model, &ids).narrow(0, ids.len() as i64 - 4, 4);
    let spread = expected["logits.0"].std(false).double_value(&[]);
    let off = (found - &expected["logits.0"]).std(false).double_value(&[]);
    assert!(off < spread * 0.1, "{off} of {spread}");
}

#[test]
fn a_window_hides_what_lies_further_back_in_trees_and_behind_padding() {
    let mut tree = Tree::chain(&[5, 6, 7]);
    let left = tree.push(Some(2), 8);
    tree.push(Some(0), 9);
    tree.push(Some(left), 10);
    let short = Tree::chain(&[11, 12]);
    let before = Before {
        slots: 2,
        hidden: vec![0, 1],
    };
    let batch = Batch::new(&[&tree, &short], &before, DType::Float, Device::Cpu).unwrap();
    let seen = |window: i64| -> Vec<Vec<i64>> {
        let layout = batch.windowed(window, DType::Float).unwrap();
        let mask = layout.mask.unwrap().exp().to_kind(DType::Int64);
        Vec::try_from(mask.view([12, 8])).unwrap()
    };
    // Columns: two slots, six places. Positions of the first row's places: 2 3 4 5 3 6.
    let first = [
        [0, 1, 1, 0, 0, 0, 0, 0],
        [0, 0, 1, 1, 0, 0, 0, 0],
        [0, 0, 0, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 1, 1, 0, 0],
        [0, 0, 1, 0, 0, 0, 1, 0],
        [0, 0, 0, 0, 0, 1, 0, 1],
    ];
    assert_eq!(seen(2)[..6], first);
    // The second row sees one slot, at position 0; its own tokens stand at 1 and 2.
    assert_eq!(seen(2)[10], [0, 1, 0, 0, 0, 0, 1, 0]);
    assert_eq!(seen(2)[11], [0, 0, 0, 0, 0, 0, 1, 1]);
    let wide = batch
        .layout
        .mask
        .as_ref()
        .unwrap()
        .exp()
        .to_kind(DType::Int64);
    assert_eq!(
        seen(7),
        Vec::<Vec<i64>>::try_from(wide.view([12, 8])).unwrap()
    );
    let chain = Tree::chain(&[1, 2, 3]);
    let plain = Batch::new(&[&chain], &Before::default(), DType::Float, Device::Cpu).unwrap();
    assert!(plain.windowed(3, DType::Float).unwrap().causal);
    let mask = plain.windowed(2, DType::Float).unwrap().mask.unwrap();
    let mask = mask.view([3, 3]).exp().to_kind(DType::Int64);
    let expected = [[1, 0, 0], [1, 1, 0], [0, 1, 1]];
    assert_eq!(Vec::<Vec<i64>>::try_from(mask).unwrap(), expected);
}

#[test]
fn files_say_what_they_hold() {
    let files = ["tiny_gemma3", "tiny_gemma3.gguf"].map(|n| ModelFiles::open(&fixture(n)).unwrap());
    assert_eq!(files[0].config().gemma, files[1].config().gemma);
    assert_eq!(files[0].config().rope, files[1].config().rope);
    assert_eq!(files[0].parameters(), files[1].parameters());
    assert!(files[0].codec().unwrap().has_chat());
    assert_eq!(
        tiny("tiny_gemma3").config().gemma.as_ref().unwrap().window,
        8
    );
}

/// Gemma 3 270M, where somebody put it.
fn real() -> Option<ModelFiles> {
    let folders = [models_folder().display().to_string()];
    match find("gemma-3-270m", std::env::var_os(VARIABLE), &folders) {
        Ok(path) => Some(ModelFiles::open(&path).unwrap()),
        Err(_) => {
            println!("skipped: there is no gemma-3-270m in {}", folders[0]);
            None
        }
    }
}

#[test]
fn the_real_model_agrees_with_transformers_and_its_tokenizer_with_sentencepiece() {
    let Some(files) = real() else { return };
    let golden = json("gemma3_270m.json");
    let codec = files.codec().unwrap();
    for case in golden["tokens"].as_array().unwrap() {
        let text = case["text"].as_str().unwrap();
        let prompt = codec.prompt(&Prompt::Text(text.to_owned())).unwrap();
        let found = codec.prompt_tokens(&prompt).unwrap();
        assert_eq!(found, numbers::<Vec<i64>>(&case["ids"]), "{text:?}");
    }
    if files.sha256().unwrap() != golden["model_sha256"].as_str().unwrap() {
        println!("only tokens are compared: the file is not the one of the reference");
        return;
    }
    let model = files.model(DType::Float, Device::Cpu).unwrap();
    for prompt in golden["prompts"].as_array().unwrap() {
        let name = prompt["name"].as_str().unwrap();
        let row = logits(&model, &numbers::<Vec<i64>>(&prompt["ids"])).get(-1);
        let kept: Vec<f32> = numbers(&prompt["every_4096th"]);
        let off = worst(&row.slice(0, None, None, 4096), &Tensor::from_slice(&kept));
        println!("{name}: {off:e} off");
        assert!(off < 1e-3, "{name}: {off} off");
        let top: Vec<i64> = numbers(&prompt["top5_ids"]);
        assert_eq!(ints(&row.topk(5, 0, true, true).1), top, "{name}");
        let sum = row.logsumexp([0i64].as_slice(), false).double_value(&[]);
        let expected = prompt["logsumexp"].as_f64().unwrap();
        assert!((sum - expected).abs() < 1e-3, "{name}: {sum}");
    }
}
