//! Whether small models' scores mean something: films' scores by title and year against the genres that others
//! gave them. `framework/docs/decisions/0004-asking-small-models.md` has the figures of larger samples.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)]

use std::path::{Path, PathBuf};

use lapidary_core::data::load_toml;
use lapidary_core::guidance::{agreement, attributes};
use lapidary_llm_local::find::{VARIABLE, find};
use lapidary_llm_local::local::{Local, Settings};
use lapidary_prompts::ScorePhrases;
use lapidary_sdk::prelude::*;

/// What each attribute should tell from the other films.
const GENRES: [(&str, &[&str]); 12] = [
    ("humor", &["Comedy"]),
    ("scares", &["Horror"]),
    ("action", &["Action"]),
    ("brutality", &["Crime", "War"]),
    ("romance", &["Romance"]),
    ("suspense", &["Thriller", "Mystery"]),
    ("plot_complexity", &["Mystery"]),
    ("drama", &["Drama"]),
    ("imagination", &["Sci-Fi", "Fantasy"]),
    ("family_appeal", &["Family", "Animation"]),
    ("true_story", &["Biography", "History", "Documentary"]),
    ("music", &["Music", "Musical"]),
];

#[test]
fn scores_by_title_alone_tell_genres_apart() {
    areas("smollm2-135m-instruct");
}

#[test]
fn gemma_tells_genres_apart_where_it_is_there() {
    areas("gemma-3-270m");
}

/// The model of that name, where it is there.
fn model(name: &str) -> Option<PathBuf> {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join(".deps/models");
    let models = models.display().to_string();
    let found = find(
        name,
        std::env::var_os(VARIABLE),
        std::slice::from_ref(&models),
    );
    if found.is_err() {
        println!("skipped: `{name}` is not in {models}");
    }
    found.ok()
}

/// Prints and checks the areas of a model.
fn areas(name: &str) {
    let Some(path) = model(name) else { return };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cache = tempfile::tempdir().unwrap();
    let toml = root.join("configs/datasets/movietweetings.toml");
    let data = load_toml(&toml, cache.path()).unwrap();
    let films = (0..data.items() as u32).step_by(34);
    let films: Vec<_> = films.map(|film| data.item(film).unwrap()).collect();

    let context = LlmContext {
        device: "cpu".to_owned(),
        model_dirs: Vec::new(),
    };
    let settings = Settings {
        model: path.display().to_string(),
        ..Settings::default()
    };
    let llm = Local::create(settings, context).unwrap();
    let attributes = attributes::load(&root.join("configs/attributes/movies.toml")).unwrap();
    let names: Vec<_> = attributes
        .attributes
        .iter()
        .map(|a| a.name.clone())
        .collect();
    assert_eq!(names, GENRES.map(|(name, _)| name));
    let context = PromptStrategyContext { attributes };
    let strategy = ScorePhrases::create(Default::default(), context).unwrap();
    let subjects: Vec<_> = films
        .iter()
        .map(|film| {
            Subject::Item(ItemText {
                title: film.name().to_owned(),
                year: film.year.map(|y| y.to_string()).unwrap_or_default(),
                ..ItemText::default()
            })
        })
        .collect();
    let requests = subjects.iter().flat_map(|s| strategy.requests(s).unwrap());
    let answers = llm.answer(&requests.collect::<Vec<_>>()).unwrap();
    assert_eq!(
        answers.len(),
        subjects.len(),
        "one question about each film"
    );
    let rows = subjects.iter().zip(answers.chunks(1));
    let rows: Vec<f32> = rows
        .flat_map(|(subject, own)| strategy.read(subject, own).unwrap().values)
        .map(Option::unwrap)
        .collect();
    let raw = Tensor::from_slice(&rows).view([films.len() as i64, -1]);
    let scores = strategy.calibrate(&raw, &raw).unwrap();

    let expected = films.iter().map(|film| {
        let has = |genres: &[&str]| film.categories.iter().any(|c| genres.contains(&c.as_str()));
        let told = GENRES.iter().filter(|(_, genres)| has(genres));
        told.map(|(name, _)| (*name).to_owned()).collect()
    });
    let expected: Vec<Vec<String>> = expected.collect();
    let found = agreement::with_categories(&scores, &expected, 4).unwrap();
    let own = found.iter().filter(|f| GENRES[f.attribute].0 == f.category);
    let areas: Vec<f64> = own.map(|f| f.auc).collect();
    let mean = areas.iter().sum::<f64>() / areas.len() as f64;
    println!(
        "{name}, {} films: mean {mean:.3} of {areas:.2?}",
        films.len()
    );
    assert!(areas.len() >= 9, "{areas:?}");
    assert!(
        mean > 0.6,
        "{name}: mean area {mean:.3}, of chance 0.5: {areas:.2?}"
    );
}
