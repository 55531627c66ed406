//! libtorch's generator belongs to the host. Alone in its process: there is one for all threads.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod common;

use common::{make, noise};
use lapidary_reducers::{RandomProjection, RandomProjectionSettings};
use lapidary_sdk::prelude::*;

#[test]
fn a_random_projection_leaves_it_alone() {
    let table = noise(4, 5);
    tch::manual_seed(8);
    let draw = || Tensor::rand([3], (DType::Float, Device::Cpu));
    let expected = draw();
    tch::manual_seed(8);
    let mut projection: RandomProjection = make(RandomProjectionSettings {}, 2);
    projection.fit(&table, 2).unwrap();
    let _ = projection.transform(&table).unwrap();
    assert_eq!(draw(), expected);
}
