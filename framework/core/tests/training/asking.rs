//! Asking a model: histories of any length, users never seen, files.

use tch::{Device, Kind, Tensor};

use std::sync::{Arc, Mutex};

use crate::support::{Linear, alone, base, embedding};
use lapidary_core::rank::{Query, Scorer};
use lapidary_core::refine::UserGuidance;
use lapidary_core::train::Model;
use lapidary_sdk::component::{State, Stateful};
use lapidary_sdk::kinds::{Backbone, Objective};

fn query(user: Option<u32>, history: &[u32]) -> Query<'_> {
    Query { user, history }
}

#[test]
fn a_long_history_counts_by_its_end_and_batches_do_not_matter() {
    let _turn = alone();
    let model = Model::new(&base(9, 4), Linear::boxed(4), 3, Device::Cpu).unwrap();
    let long = [5, 6, 7, 8, 1, 2, 3];
    let together = model
        .user_vectors(&[query(None, &long), query(None, &[4]), query(None, &[])])
        .unwrap();
    let alone = model.user_vectors(&[query(None, &long[4..])]).unwrap();
    assert!(
        (together.get(0) - alone.get(0))
            .abs()
            .max()
            .double_value(&[])
            < 1e-6
    );
    assert_eq!(
        together.get(2),
        Tensor::zeros([4], (Kind::Float, Device::Cpu))
    );
    assert_eq!(model.user_vectors(&[]).unwrap().size(), [0, 4]);
    let scores = model.scores(&[query(None, &long)]).unwrap();
    assert_eq!(scores.size(), [1, 9]);
}

#[test]
fn a_user_never_seen_gets_the_mean_of_the_guided_rows() {
    let _turn = alone();
    let rows = Tensor::from_slice2(&[[1.0f32, 4.0], [3.0, 0.0]]);
    let start = embedding(6, 2, 3, || UserGuidance::Scored(rows.copy()));
    let model = Model::new(&start, Linear::boxed(5), 4, Device::Cpu).unwrap();
    let vectors = model
        .user_vectors(&[query(Some(1), &[]), query(None, &[1]), query(Some(7), &[])])
        .unwrap();
    let guided = vectors.narrow(1, 0, 2);
    assert_eq!(guided.get(0), rows.get(1));
    assert_eq!(guided.get(1), Tensor::from_slice(&[2.0f32, 2.0]));
    assert_eq!(guided.get(2), Tensor::from_slice(&[2.0f32, 2.0]));
}

#[test]
fn an_item_out_of_the_catalogue_is_refused() {
    let _turn = alone();
    let model = Model::new(&base(9, 4), Linear::boxed(4), 3, Device::Cpu).unwrap();
    let error = model.user_vectors(&[query(None, &[9])]).unwrap_err();
    assert!(error.to_string().contains("item 9"), "{error}");
}

#[test]
fn a_saved_model_answers_the_same() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let scores = || UserGuidance::Scored(Tensor::randn([3, 2], (Kind::Float, Device::Cpu)));
    for tied in [true, false] {
        let mut start = embedding(6, 2, 3, scores);
        start.tied = tied;
        let model = Model::new(&start, Linear::boxed(5), 4, Device::Cpu).unwrap();
        for (_, mut value) in model.state().unwrap() {
            let more = value.detach() + 0.25;
            tch::no_grad(|| value.copy_(&more));
        }
        model.save(folder.path()).unwrap();
        let backbone = Linear::boxed(5);
        let loaded = Model::load(folder.path(), backbone, Device::Cpu).unwrap();
        assert_eq!(loaded.description(), model.description());
        let ask = [query(Some(2), &[1, 2]), query(None, &[5])];
        assert_eq!(loaded.scores(&ask).unwrap(), model.scores(&ask).unwrap());
    }
}

#[test]
fn a_model_of_another_width_or_a_missing_file_is_refused() {
    let _turn = alone();
    let folder = tempfile::tempdir().unwrap();
    let missing = Model::load(folder.path(), Linear::boxed(5), Device::Cpu);
    assert!(missing.is_err_and(|e| e.to_string().contains("model.safetensors")));
    let model = Model::new(&base(6, 5), Linear::boxed(5), 4, Device::Cpu).unwrap();
    model.save(folder.path()).unwrap();
    let other = Model::load(folder.path(), Linear::boxed(4), Device::Cpu);
    assert!(other.is_err_and(|e| e.to_string().contains("`backbone.own`")));
}

/// Gives its input back and keeps what it was shown: real positions, row after row.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<Tensor>>>);

impl Stateful for Recorder {
    fn save(&self) -> lapidary_sdk::Result<State> {
        Ok(State::default())
    }

    fn load(&mut self, _: &State) -> lapidary_sdk::Result<()> {
        Ok(())
    }
}

impl Backbone for Recorder {
    fn objective(&self) -> lapidary_sdk::Result<Objective> {
        Ok(Objective::Cloze {
            mask_probability: 0.5,
        })
    }

    fn parameters(&self) -> lapidary_sdk::Result<Vec<(String, Tensor)>> {
        Ok(Vec::new())
    }

    fn forward(&self, x: &Tensor, mask: &Tensor, _: bool) -> lapidary_sdk::Result<Tensor> {
        for row in 0..x.size()[0] {
            let real = mask.get(row).sum(Kind::Int64).int64_value(&[]);
            self.0.lock().unwrap().push(x.get(row).narrow(0, 0, real));
        }
        Ok(x + 1.0)
    }
}

#[test]
fn cloze_is_asked_for_a_mask_after_the_history_within_max_len() {
    let _turn = alone();
    for max_len in [1, 3] {
        let seen = Recorder::default();
        let model = Model::new(&base(9, 4), Box::new(seen.clone()), max_len, Device::Cpu).unwrap();
        let histories: [&[u32]; 4] = [&[5, 6, 7, 8], &[1, 2, 3], &[4], &[]];
        let users = model
            .user_vectors(&histories.map(|h| query(None, h)))
            .unwrap();
        for (history, shown) in histories.iter().zip(seen.0.lock().unwrap().iter()) {
            let kept = history.len().min(max_len - 1);
            let items: Vec<i64> = history[history.len() - kept..]
                .iter()
                .map(|&i| i64::from(i))
                .collect();
            let rows = model
                .input_table()
                .index_select(0, &Tensor::from_slice(&items));
            // The mask's vector is 0 before training.
            let mask = Tensor::zeros([1, 4], (Kind::Float, Device::Cpu));
            assert_eq!(*shown, Tensor::cat(&[rows, mask], 0));
        }
        // The state at the mask is the user's vector; an empty history has none.
        let expected = Tensor::from_slice(&[1.0f32, 1.0, 1.0, 0.0]).unsqueeze(1);
        assert_eq!(users, expected.expand([4, 4], false));
    }
}
