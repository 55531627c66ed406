//! Multi-head self-attention.

use super::dropout::dropout;
use super::layers::Linear;
use super::parameters::Parameters;
use crate::prelude::*;

/// Which positions a position attends to.
#[derive(Debug)]
pub enum Visible {
    /// Itself and those before it. Rows are padded on the right, so no real position ever sees padding.
    Past,
    /// All real ones; f32 `[B,1,1,L]`, 0 at those and −∞ at padding.
    Real(Tensor),
}

impl Visible {
    /// All positions that are real. Each row must have one.
    ///
    /// # Shapes
    /// `mask` bool `[B,L]`, true at real positions.
    ///
    /// # Errors
    /// When a shape does not fit.
    pub fn real(mask: &Tensor) -> Result<Self> {
        Ok(Self::Real(padding(mask)?))
    }
}

/// 0 at real positions and −∞ at padding, f32 `[B,1,1,L]`; `mask` bool `[B,L]`.
fn padding(mask: &Tensor) -> Result<Tensor> {
    let (batch, length) = mask.size2()?;
    let bias = Tensor::f_zeros([batch, 1, 1, length], (DType::Float, mask.device()))?;
    let padding = mask.f_logical_not()?.f_view([batch, 1, 1, length])?;
    Ok(bias.f_masked_fill(&padding, f64::NEG_INFINITY)?)
}

/// Scaled dot-product attention of several heads with an output projection.
///
/// The three input projections are one matrix of shape `[3d,d]`.
pub struct Attention {
    input: Linear,
    output: Linear,
    heads: i64,
    dropout: f64,
}

impl Attention {
    /// Parameters `{name}.in_proj` and `{name}.out_proj`; `dim` is a multiple of `heads`.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(
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
    ///
    /// # Errors
    /// When a shape does not fit.
    pub fn forward(&self, x: &Tensor, visible: &Visible, train: bool) -> Result<Tensor> {
        let (batch, length, dim) = x.size3()?;
        let heads = self.input.forward(x)?;
        let heads = heads.f_view([batch, length, 3, self.heads, dim / self.heads])?;
        let [q, k, v] = three(heads.f_permute([2, 0, 3, 1, 4])?.f_unbind(0)?)?;
        let dropout = if train { self.dropout } else { 0.0 };
        let mixed = match dropout > 0.0 && x.device() == Device::Cpu {
            true => composed(&q, &k, &v, visible, dropout)?,
            false => fused(&q, &k, &v, visible, dropout)?,
        };
        let joined = mixed.f_transpose(1, 2)?.f_reshape([batch, length, dim])?;
        self.output.forward(&joined)
    }

    /// What one position of each row sees among all real ones, without dropout.
    ///
    /// # Shapes
    /// `asking` f32 `[B,d]`, one of the rows of `x` f32 `[B,L,d]`; `mask` bool `[B,L]`, true at real positions; the
    /// result f32 `[B,d]`.
    ///
    /// # Errors
    /// When a shape does not fit.
    pub fn one(&self, asking: &Tensor, x: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let (batch, length, dim) = x.size3()?;
        let width = dim / self.heads;
        let q = self.input.part(asking, 0, dim)?;
        let q = q.f_view([batch, self.heads, 1, width])?;
        let both = self.input.part(x, dim, 2 * dim)?;
        let both = both.f_view([batch, length, 2, self.heads, width])?;
        let both = both.f_permute([2, 0, 3, 1, 4])?;
        let (k, v) = (both.f_select(0, 0)?, both.f_select(0, 1)?);
        let real = padding(mask)?.f_expand([batch, self.heads, 1, length], false)?;
        let mixed = Tensor::f_scaled_dot_product_attention(
            &q,
            &k,
            &v,
            Some(real),
            0.0,
            false,
            None,
            false,
        )?;
        self.output.forward(&mixed.f_reshape([batch, dim])?)
    }
}

/// libtorch's fused kernel.
///
/// # Shapes
/// All f32 `[B,H,L,d/H]`.
fn fused(q: &Tensor, k: &Tensor, v: &Tensor, visible: &Visible, dropout: f64) -> Result<Tensor> {
    let (bias, causal) = match visible {
        Visible::Past => (None, true),
        Visible::Real(bias) => {
            let (batch, heads, length, _) = q.size4()?;
            (
                Some(bias.f_expand([batch, heads, length, length], false)?),
                false,
            )
        }
    };
    let grouped = false;
    Ok(Tensor::f_scaled_dot_product_attention(
        q, k, v, bias, dropout, causal, None, grouped,
    )?)
}

/// The same, of single operations: with dropout libtorch has no fused kernel for a CPU, and its own composition is
/// slower.
fn composed(q: &Tensor, k: &Tensor, v: &Tensor, visible: &Visible, p: f64) -> Result<Tensor> {
    let (batch, heads, length, width) = q.size4()?;
    let flat = |t: &Tensor| t.f_reshape([batch * heads, length, width]);
    let bias = match visible {
        Visible::Past => {
            let hidden = (DType::Float, q.device());
            Tensor::f_full([length, length], f64::NEG_INFINITY, hidden)?.f_triu(1)?
        }
        Visible::Real(bias) => bias
            .f_expand([batch, heads, 1, length], false)?
            .f_reshape([batch * heads, 1, length])?,
    };
    let scale = 1.0 / (width as f64).sqrt();
    let keys = flat(k)?.f_transpose(1, 2)?;
    let scores = bias.f_baddbmm(&flat(q)?, &keys, 1.0, scale)?;
    let weights = scores.f_softmax(-1, None::<DType>)?;
    let mixed = dropout(&weights, p, true)?.f_bmm(&flat(v)?)?;
    Ok(mixed.f_view([batch, heads, length, width])?)
}

fn three(tensors: Vec<Tensor>) -> Result<[Tensor; 3]> {
    <[Tensor; 3]>::try_from(tensors)
        .map_err(|t| Error::invalid(format!("expected q, k and v; found {} tensors", t.len())))
}
