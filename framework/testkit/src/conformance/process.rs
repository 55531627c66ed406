//! What belongs to the process or the thread: components leave it as it was.

use tch::{Device, Kind as DType, Tensor};

/// Runs a call and checks that gradients are on as before and the number of threads is as before.
pub fn unchanged<T>(what: &str, call: impl FnOnce() -> T) -> T {
    let (grad, threads) = (gradients_on(), tch::get_num_threads());
    let result = call();
    assert_eq!(gradients_on(), grad, "{what} switched gradients");
    assert_eq!(
        tch::get_num_threads(),
        threads,
        "{what} changed the number of threads"
    );
    result
}

/// Checks that a call does not set the process's seed: what is drawn after it still depends on the seed before it.
pub fn keeps_seed(what: &str, mut call: impl FnMut()) {
    let mut draw = |seed| {
        tch::manual_seed(seed);
        call();
        Tensor::rand([8], (DType::Float, Device::Cpu))
    };
    let (one, two) = (draw(1), draw(2));
    assert_ne!(one, two, "{what} sets the process's seed");
}

fn gradients_on() -> bool {
    let one = Tensor::ones([1], (DType::Float, Device::Cpu)).set_requires_grad(true);
    (one * 2.0).requires_grad()
}
