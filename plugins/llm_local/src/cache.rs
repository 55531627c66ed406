//! Keys and values that were computed before.

use lapidary_sdk::prelude::*;

use crate::config::Config;

/// Keys and values of all layers, `[B,h,C,e]` each, of which the first `used` slots are filled.
#[derive(Debug)]
pub struct Cache {
    layers: Vec<(Tensor, Tensor)>,
    used: i64,
}

/// What a forward pass sees besides its own tokens.
pub enum Past<'a> {
    /// Nothing.
    Nothing,
    /// A cache of one row, which every row of the batch sees and which stays as it is.
    Shared(&'a Cache),
    /// A cache with a row for each of the batch's, to which the pass adds its own keys and values.
    Growing(&'a mut Cache),
}

impl Cache {
    /// An empty cache of `slots` slots for each of `rows` rows.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn new(
        config: &Config,
        rows: usize,
        slots: usize,
        kind: DType,
        device: Device,
    ) -> Result<Self> {
        let shape = [rows as i64, config.kv_heads, slots as i64, config.head_dim];
        let empty = || Tensor::f_zeros(shape, (kind, device));
        let layers = (0..config.layers)
            .map(|_| Ok((empty()?, empty()?)))
            .collect::<Result<_>>()?;
        Ok(Self { layers, used: 0 })
    }

    /// Filled slots.
    pub fn used(&self) -> usize {
        self.used as usize
    }

    /// Keeps some rows, `rows` i64 `[B]`, in that order.
    ///
    /// # Errors
    /// When libtorch refuses.
    pub fn keep(&mut self, rows: &Tensor) -> Result<()> {
        for (keys, values) in &mut self.layers {
            *keys = keys.f_index_select(0, rows)?;
            *values = values.f_index_select(0, rows)?;
        }
        Ok(())
    }

    fn layer(&self, layer: usize) -> Result<(&Tensor, &Tensor)> {
        let (keys, values) = self
            .layers
            .get(layer)
            .ok_or_else(|| Error::invalid(format!("the cache has no layer {layer}")))?;
        Ok((keys, values))
    }
}

impl Past<'_> {
    /// Slots that are filled before the pass.
    pub fn slots(&self) -> usize {
        match self {
            Self::Nothing => 0,
            Self::Shared(cache) => cache.used(),
            Self::Growing(cache) => cache.used(),
        }
    }

    /// A layer's keys and values `[B,h,P+L,e]`, old ones first, from the new ones `[B,h,L,e]`.
    ///
    /// # Errors
    /// When the cache does not fit the batch.
    pub fn extend(
        &mut self,
        layer: usize,
        keys: Tensor,
        values: Tensor,
    ) -> Result<(Tensor, Tensor)> {
        match self {
            Self::Nothing => Ok((keys, values)),
            Self::Shared(cache) => {
                let (old_keys, old_values) = cache.layer(layer)?;
                let join = |old: &Tensor, new: Tensor| -> Result<Tensor> {
                    let size = new.size();
                    let rows = size.first().copied().unwrap_or(1);
                    let old = old
                        .f_narrow(2, 0, cache.used)?
                        .f_expand([rows, -1, -1, -1], false)?;
                    Ok(Tensor::f_cat(&[old, new], 2)?)
                };
                Ok((join(old_keys, keys)?, join(old_values, values)?))
            }
            Self::Growing(cache) => {
                let (old_keys, old_values) = cache.layer(layer)?;
                let write = |old: &Tensor, new: Tensor| -> Result<Tensor> {
                    let added = new.size4()?.2;
                    old.f_narrow(2, cache.used, added)?.f_copy_(&new)?;
                    Ok(old.f_narrow(2, 0, cache.used + added)?)
                };
                Ok((write(old_keys, keys)?, write(old_values, values)?))
            }
        }
    }

    /// Counts the slots that a pass of width `width` filled.
    pub fn advance(&mut self, width: i64) {
        if let Self::Growing(cache) = self {
            cache.used += width;
        }
    }
}
