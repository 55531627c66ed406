//! Times forward and backward passes on a training batch without padding: CPU, f32, B = 256, L = 50, d = 64, 2 layers.
//!
//! `OMP_NUM_THREADS=1 cargo run -p lapidary-sasrec --example passes`
#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

use std::time::Instant;

use lapidary_sasrec::{SasRec, Settings};
use lapidary_sdk::prelude::*;

const SHAPE: [i64; 3] = [256, 50, 64];
const PASSES: usize = 20;

fn main() {
    for (heads, dropout) in [(1, 0.2), (2, 0.2), (1, 0.0), (2, 0.0)] {
        let settings = Settings {
            heads,
            dropout,
            ..Settings::default()
        };
        let context = BackboneContext {
            dim: SHAPE[2],
            max_len: SHAPE[1],
            device: "cpu".to_owned(),
        };
        time(&SasRec::create(settings, context).unwrap(), heads, dropout);
    }
}

fn time(model: &SasRec, heads: i64, dropout: f64) {
    let random = || Tensor::randn(SHAPE, (DType::Float, Device::Cpu));
    let (input, target) = (random().set_requires_grad(true), random());
    let mask = Tensor::ones(&SHAPE[..2], (DType::Bool, Device::Cpu));
    let pass = || {
        let start = Instant::now();
        let hidden = model.forward(&input, &mask, true).unwrap();
        (hidden * &target).sum(DType::Float).backward();
        start.elapsed().as_secs_f64() * 1e3
    };
    pass();
    let used = processor_milliseconds();
    let wall = (0..PASSES).map(|_| pass()).fold(f64::INFINITY, f64::min);
    let used = (processor_milliseconds() - used) / PASSES as f64;
    println!("heads {heads}, dropout {dropout}: wall {wall:.0} ms at best, processor {used:.0} ms");
}

/// User time of this process; the kernel counts it in hundredths of a second.
fn processor_milliseconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit(") ").next().unwrap();
    10.0 * after_name
        .split(' ')
        .nth(11)
        .unwrap()
        .parse::<f64>()
        .unwrap()
}
