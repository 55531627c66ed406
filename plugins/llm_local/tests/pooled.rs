//! Texts as vectors: against transformers, and as a host asks for them.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

mod common;

use common::{fixture, ints, tensors, tiny, worst};
use lapidary_llm_local::local::{Local, Settings};
use lapidary_llm_local::pooled::{Text, pooled};
use lapidary_sdk::prelude::*;

#[test]
fn pooled_states_are_those_of_transformers() {
    let expected = tensors("pooled.safetensors");
    assert!(expected.len() >= 4 * 3 * 2);
    for (key, expected) in expected {
        let [name, layer, pooling] = key.split('.').collect::<Vec<_>>()[..] else {
            panic!("{key}")
        };
        let sequences = tensors(&format!("{name}_expected.safetensors"));
        let texts: Vec<Text> = (0..2)
            .map(|i| Text {
                tokens: ints(&sequences[&format!("ids.{i}")]),
                lead: 1,
            })
            .collect();
        let pooling = match pooling {
            "mean" => Pooling::Mean,
            _ => Pooling::Last,
        };
        let (model, layer) = (tiny(name), layer.parse().unwrap());
        // Together, and each in a pass of its own.
        for batch_tokens in [1024, 1] {
            let found =
                tch::no_grad(|| pooled(&model, &texts, layer, pooling, batch_tokens)).unwrap();
            let off = worst(&found, &expected);
            let size = expected.abs().max().double_value(&[]);
            assert!(off < 1e-4 * size.max(1.0), "{key}: {off} of {size}");
        }
    }
}

fn llm(model: &str, context_length: Option<u32>) -> Local {
    let settings = Settings {
        model: fixture(model).display().to_string(),
        context_length,
        ..Settings::default()
    };
    let context = LlmContext {
        device: "cpu".to_owned(),
        model_dirs: Vec::new(),
    };
    Local::create(settings, context).unwrap()
}

fn embed(llm: &Local, texts: &[&str], settings: &EmbedSettings) -> Result<Tensor> {
    let texts: Vec<String> = texts.iter().map(|&t| t.to_owned()).collect();
    llm.embed(&texts, settings)
}

#[test]
fn tokens_that_stand_before_every_text_are_no_part_of_the_mean() {
    let (llm, model) = (llm("tiny_gemma3", None), tiny("tiny_gemma3"));
    let prompt = Prompt::Text("The movie".to_owned());
    let codec = lapidary_llm_local::files::ModelFiles::open(&fixture("tiny_gemma3"));
    let codec = codec.unwrap().codec().unwrap();
    let tokens = codec
        .prompt_tokens(&codec.prompt(&prompt).unwrap())
        .unwrap();
    assert_eq!((tokens[0], codec.lead()), (2, 1));
    let of = |lead: usize| {
        let texts = [Text {
            tokens: tokens.clone(),
            lead,
        }];
        tch::no_grad(|| pooled(&model, &texts, 7, Pooling::Mean, 1024)).unwrap()
    };
    let found = embed(&llm, &["The movie"], &EmbedSettings::default()).unwrap();
    assert_eq!(found, of(1));
    assert!(worst(&found, &of(0)) > 1e-3);
}

#[test]
fn long_texts_are_cut_and_layers_that_are_not_there_refused() {
    let of = |llm: &Local, text: &str, max_tokens: u32| {
        let settings = EmbedSettings {
            max_tokens,
            ..EmbedSettings::default()
        };
        embed(llm, &[text], &settings)
    };
    let plain = llm("tiny_llama", None);
    let long = "x ".repeat(500);
    let by_setting = of(&plain, &long, 9).unwrap();
    let by_context = of(&llm("tiny_llama", Some(9)), &long, 512).unwrap();
    assert_eq!(by_setting, by_context);
    assert!(worst(&by_setting, &of(&plain, &long, 512).unwrap()) > 1e-4);
    let message = of(&plain, "x", 0).unwrap_err().to_string();
    assert!(message.contains("`max_tokens`"), "{message}");
    let beyond = EmbedSettings {
        layer: Some(3),
        ..EmbedSettings::default()
    };
    let message = embed(&plain, &["x"], &beyond).unwrap_err().to_string();
    assert!(
        message.contains("`layer` 3: tiny_llama has 2 layers"),
        "{message}"
    );
}
