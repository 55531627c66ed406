//! What fine-tuning asks of a language model: trainable tensors, and likelihoods that carry gradients.

use serde::{Deserialize, Serialize};
use tch::Tensor;

/// How a language model is adapted: LoRA (Hu et al. 2021, <https://arxiv.org/abs/2106.09685>). Beside the frozen weight
/// W of each chosen linear map a product B·A of low rank is trained: `y = W·x + alpha/rank · B·(A·x)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoraSettings {
    /// Names of the linear maps to adapt, such as `q_proj`: each map whose name ends with one, at a dot.
    pub targets: Vec<String>,
    /// Rank of the products.
    pub rank: u32,
    /// The products are scaled by `alpha / rank`.
    pub alpha: f64,
    /// Seed of A's first values. B begins with zeros, so that at first nothing changes.
    pub seed: u64,
}

/// Log-likelihoods that carry gradients.
#[derive(Debug)]
pub struct LogLikelihoods {
    /// f32 `[T]`: the natural log-probability of each continuation, in the order of the requests and of each one's
    /// continuations.
    pub log_probs: Tensor,
    /// How many tokens each continuation has.
    pub tokens: Vec<u32>,
}

/// Reply of `log_likelihoods`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogLikelihoodsReply {
    /// How many tokens each continuation has.
    pub tokens: Vec<u32>,
}
