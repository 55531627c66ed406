//! Causal multi-head self-attention.

use lapidary_sdk::prelude::*;

use crate::layers::Linear;
use crate::parameters::Parameters;

/// Each position attends to itself and those before it.
///
/// Rows are padded on the right, so no real position ever sees padding and no mask is needed. The three input
/// projections are one matrix of shape `[3d,d]`.
pub(crate) struct Attention {
    input: Linear,
    output: Linear,
    heads: i64,
    dropout: f64,
}

impl Attention {
    pub(crate) fn new(
        parameters: &mut Parameters,
        name: &str,
        dim: i64,
        heads: i64,
        dropout: f64,
    ) -> Result<Self> {
        Ok(Self {
            input: Linear::new(parameters, &format!("{name}.in_proj"), dim, 3 * dim)?,
            output: Linear::new(parameters, &format!("{name}.out_proj"), dim, dim)?,
            heads,
            dropout,
        })
    }

    /// # Shapes
    /// `x` and the result f32 `[B,L,d]`.
    pub(crate) fn forward(&self, x: &Tensor, train: bool) -> Result<Tensor> {
        let (batch, length, dim) = x.size3()?;
        let heads = self.input.forward(x)?;
        let heads = heads.f_view([batch, length, 3, self.heads, dim / self.heads])?;
        let [q, k, v] = three(heads.f_permute([2, 0, 3, 1, 4])?.f_unbind(0)?)?;
        let dropout = if train { self.dropout } else { 0.0 };
        let mixed = match dropout > 0.0 && x.device() == Device::Cpu {
            true => composed(&q, &k, &v, dropout)?,
            false => fused(&q, &k, &v, dropout)?,
        };
        let joined = mixed.f_transpose(1, 2)?.f_reshape([batch, length, dim])?;
        self.output.forward(&joined)
    }
}

/// libtorch's fused kernel.
///
/// # Shapes
/// All f32 `[B,H,L,d/H]`.
fn fused(q: &Tensor, k: &Tensor, v: &Tensor, dropout: f64) -> Result<Tensor> {
    let no_mask = None::<&Tensor>;
    let (causal, grouped) = (true, false);
    Ok(Tensor::f_scaled_dot_product_attention(
        q, k, v, no_mask, dropout, causal, None, grouped,
    )?)
}

/// The same, of single operations: with dropout libtorch has no fused kernel for a CPU, and its own composition is
/// slower.
fn composed(q: &Tensor, k: &Tensor, v: &Tensor, dropout: f64) -> Result<Tensor> {
    let (batch, heads, length, width) = q.size4()?;
    let flat = |t: &Tensor| t.f_reshape([batch * heads, length, width]);
    let future = Tensor::f_full(
        [length, length],
        f64::NEG_INFINITY,
        (DType::Float, q.device()),
    )?;
    let scale = 1.0 / (width as f64).sqrt();
    let keys = flat(k)?.f_transpose(1, 2)?;
    let scores = future.f_triu(1)?.f_baddbmm(&flat(q)?, &keys, 1.0, scale)?;
    let weights = scores.f_softmax(-1, None::<DType>)?;
    let weights = crate::dropout::dropout(&weights, dropout, true)?;
    let mixed = weights.f_bmm(&flat(v)?)?;
    Ok(mixed.f_view([batch, heads, length, width])?)
}

fn three(tensors: Vec<Tensor>) -> Result<[Tensor; 3]> {
    <[Tensor; 3]>::try_from(tensors)
        .map_err(|t| Error::invalid(format!("expected q, k and v; found {} tensors", t.len())))
}
