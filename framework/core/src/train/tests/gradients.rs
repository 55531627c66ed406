//! A step's gradients, put together by hand, against one pass of libtorch through everything.

use lapidary_sdk::kinds::{Backbone, Objective};
use tch::{Device, Kind, Tensor};

use super::support::{Linear, alone, circles, embedding, train_only};
use crate::data::Split;
use crate::refine::{Embedding, Scoring, Similarity, UserGuidance};
use crate::train::batch::TrainingSet;
use crate::train::step::step;
use crate::train::{Adam, Model, OptimiserKind, Settings};

const USERS: i64 = 5;

/// At a vanishing learning rate the step leaves the values as they are, and its gradients can be read afterwards.
fn settings() -> Settings {
    Settings {
        optimiser: OptimiserKind::Adam,
        ..Settings::default()
    }
}

/// The same model written as one formula; returns gradients of input table, users' rows, temperature and backbone.
fn plain(embedding: &Embedding, sequences: &[Vec<u32>]) -> Vec<Tensor> {
    let guided = embedding.guided.as_ref().unwrap();
    let m = embedding.guided_dim();
    let table = Tensor::cat(&[&guided.items, &embedding.free], 1).set_requires_grad(true);
    let UserGuidance::Scored(scores) = &guided.users else {
        panic!("scored users");
    };
    let users = scores.copy().set_requires_grad(true);
    let dim = embedding.dim();
    let project = Tensor::eye(dim, (Kind::Float, Device::Cpu)).narrow_copy(0, m, dim - m);
    let project = project.set_requires_grad(true);
    let backbone = Linear::new(dim, 0.0);
    let scoring = embedding.scoring;
    let temperature = Tensor::from_slice(&[scoring.temperature.ln() as f32]);
    let temperature = temperature.set_requires_grad(scoring.trainable);
    let unit = |t: &Tensor| match scoring.similarity {
        Similarity::Dot => t.shallow_clone(),
        Similarity::Cosine => t / t.norm_scalaropt_dim(2.0, [1i64].as_slice(), true),
    };
    let (mut total, mut count) = (Tensor::from(0f32), 0);
    for (user, sequence) in sequences.iter().enumerate() {
        let items: Vec<i64> = sequence.iter().map(|&i| i64::from(i)).collect();
        let n = items.len() as i64 - 1;
        let items = Tensor::from_slice(&items);
        let input = table.index_select(0, &items.narrow(0, 0, n)).unsqueeze(0);
        let mask = Tensor::ones([1, n], (Kind::Bool, Device::Cpu));
        let hidden = backbone
            .forward(&input, &mask, true)
            .unwrap()
            .squeeze_dim(0);
        let own = users.get(user as i64).unsqueeze(0).expand([n, m], true);
        let query = Tensor::cat(&[own, hidden.matmul(&project.tr())], 1);
        let logits = unit(&query).matmul(&unit(&table).tr()) / temperature.exp();
        let loss = logits.cross_entropy_for_logits(&items.narrow(0, 1, n));
        total += loss * n as f64;
        count += n;
    }
    (total / count as f64).backward();
    let mut gradients = vec![table.grad(), users.grad(), project.grad()];
    gradients.extend(scoring.trainable.then(|| temperature.grad()));
    for (_, parameter) in backbone.parameters().unwrap() {
        gradients.push(parameter.grad());
    }
    gradients
}

/// The gradients of one step, by name.
fn of_a_step(embedding: &Embedding, split: &Split) -> Vec<(String, Tensor)> {
    let model = Model::new(embedding, Linear::boxed(6), 20, Device::Cpu).unwrap();
    let set = TrainingSet::new(split, Objective::NextItem, Device::Cpu).unwrap();
    let batch = set.batch(&set.epoch(0, 1, 8).unwrap(), 0).unwrap();
    let mut adam = Adam::new(&settings());
    let _ = step(&model, &batch, None, &settings(), &mut adam, 1e-30).unwrap();
    let parameters = model.parameters().unwrap().into_iter();
    parameters.map(|p| (p.name, p.gradient)).collect()
}

#[test]
fn a_step_has_the_gradients_of_the_whole_formula() {
    let _turn = alone();
    let sequences: Vec<Vec<u32>> = circles(USERS as usize, 9, 3);
    let split = train_only(&sequences, 9, 20);
    let scores = || UserGuidance::Scored(Tensor::randn([USERS, 2], (Kind::Float, Device::Cpu)));
    for (similarity, temperature, trainable) in [
        (Similarity::Dot, 1.0, false),
        (Similarity::Dot, 0.5, true),
        (Similarity::Cosine, 0.2, false),
        (Similarity::Cosine, 0.1, true),
    ] {
        let mut embedding = embedding(9, 2, 4, scores);
        embedding.scoring = Scoring {
            similarity,
            temperature,
            trainable,
        };
        let expected = plain(&embedding, &sequences);
        compare(of_a_step(&embedding, &split), expected, trainable);
    }
}

fn compare(found: Vec<(String, Tensor)>, expected: Vec<Tensor>, temperature: bool) {
    let names: Vec<&str> = found.iter().map(|(n, _)| n.as_str()).collect();
    let mut all = vec!["items.input", "users.guided", "users.project"];
    all.extend(temperature.then_some("score.log_temperature"));
    all.extend(["backbone.own", "backbone.past"]);
    assert_eq!(names, all);
    for ((name, found), expected) in found.iter().zip(expected) {
        let (found, expected) = match name.as_str() {
            // The guided columns are frozen: no gradient is left there.
            "items.input" => (found.narrow(1, 2, 4), expected.narrow(1, 2, 4)),
            _ => (found.shallow_clone(), expected),
        };
        let difference = (found - expected).abs().max().double_value(&[]);
        assert!(difference < 2e-6, "{name}: {difference}");
    }
}

#[test]
fn frozen_columns_keep_their_values_and_the_others_move() {
    let _turn = alone();
    let split = train_only(&circles(6, 8, 4), 8, 20);
    for (guided_trained, free_trained, tied) in [
        (false, true, true),
        (false, true, false),
        (true, false, true),
        (false, false, true),
        (true, true, false),
    ] {
        let mut start = embedding(8, 2, 3, || UserGuidance::Backbone);
        start.free_trainable = free_trained;
        start.tied = tied;
        start.guided.as_mut().unwrap().items_trainable = guided_trained;
        let model = Model::new(&start, Linear::boxed(5), 20, Device::Cpu).unwrap();
        let before = (model.input_table().copy(), model.item_table().copy());
        let set = TrainingSet::new(&split, Objective::NextItem, Device::Cpu).unwrap();
        let batch = set.batch(&set.epoch(0, 1, 8).unwrap(), 0).unwrap();
        let settings = Settings {
            weight_decay: 0.1,
            optimiser: OptimiserKind::Adamw,
            clip_norm: Some(1.0),
            ..Settings::default()
        };
        let mut adam = Adam::new(&settings);
        for _ in 0..2 {
            let _ = step(&model, &batch, None, &settings, &mut adam, 0.1).unwrap();
        }
        for (before, after) in [
            (before.0, model.input_table()),
            (before.1, model.item_table()),
        ] {
            let moved =
                |start, width| before.narrow(1, start, width) != after.narrow(1, start, width);
            assert_eq!(moved(0, 2), guided_trained);
            assert_eq!(moved(2, 3), free_trained);
        }
        assert_eq!(model.input_table() == model.item_table(), tied);
    }
}
