//! Self-attention in which several query heads share a key and a value head.

use lapidary_sdk::prelude::*;

use crate::block::Norm;
use crate::cache::Past;
use crate::config::Config;
use crate::model::{Linear, chosen};
use crate::rope::{Rotation, neighbours};
use crate::tree::Layout;
use crate::weights::Weights;

/// The attention of one layer.
#[derive(Debug)]
pub struct Attention {
    layer: usize,
    query: Linear,
    key: Linear,
    value: Linear,
    out: Linear,
    /// Norms of each head's query and key, where the model has them.
    norms: Option<(Norm, Norm)>,
    head_dim: i64,
    /// What products of queries and keys are multiplied by; none where it is one over the root of `head_dim`.
    scale: Option<f64>,
}

impl Attention {
    /// Reads the weights under `name`.
    ///
    /// # Errors
    /// When one is missing or has another shape.
    pub fn read(weights: &Weights, name: &str, config: &Config, layer: usize) -> Result<Self> {
        let (queries, keys) = (
            config.heads * config.head_dim,
            config.kv_heads * config.head_dim,
        );
        let read =
            |part: &str, from, to| Linear::read(weights, &format!("{name}.{part}"), from, to);
        let paired = |rows: &Tensor| neighbours(rows, config.head_dim);
        let norm = |part: &str| {
            let norm = Norm::read(weights, &format!("{name}.{part}"), config.head_dim, config);
            norm?.map(paired)
        };
        let norms = match config.head_norms {
            true => Some((norm("q_norm")?, norm("k_norm")?)),
            false => None,
        };
        Ok(Self {
            layer,
            query: read("q_proj", config.dim, queries)?.map(paired)?,
            key: read("k_proj", config.dim, keys)?.map(paired)?,
            value: read("v_proj", config.dim, keys)?,
            out: read("o_proj", queries, config.dim)?,
            norms,
            head_dim: config.head_dim,
            scale: config.gemma.as_ref().map(|g| g.query_scalar.powf(-0.5)),
        })
    }

    /// Packed `[N,d]` to `[N,d]`, or to those of `places` i64 `[M]` alone, `[M,d]`.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn forward(
        &self,
        input: &Tensor,
        rotation: &Rotation,
        layout: &Layout,
        past: &mut Past,
        places: Option<&Tensor>,
    ) -> Result<Tensor> {
        let heads = |map: &Linear| -> Result<Tensor> {
            Ok(map.forward(input)?.f_unflatten(-1, [-1, self.head_dim])?)
        };
        let (query, key) = (heads(&self.query)?, heads(&self.key)?);
        let (query, key) = match &self.norms {
            Some((of_query, of_key)) => (of_query.forward(&query)?, of_key.forward(&key)?),
            None => (query, key),
        };
        let query = layout.spread(&rotation.apply(&query)?)?;
        let key = layout.spread(&rotation.apply(&key)?)?;
        let value = layout.spread(&heads(&self.value)?)?;
        let (key, value) = past.extend(self.layer, key, value)?;
        let seen = Tensor::f_scaled_dot_product_attention(
            &query,
            &key,
            &value,
            layout.mask.as_ref(),
            0.0,
            layout.causal,
            self.scale,
            true,
        )?;
        self.out.forward(&chosen(layout.pack(&seen)?, places)?)
    }
}
