//! Batches of sequences padded on the right, without work on the padding.

use tch::{Device, Kind, Tensor};

use crate::error::Result;

/// Where the real positions of a batch stand. N positions are real, out of B × L.
#[derive(Debug)]
pub(super) struct Layout {
    /// Sequences, B.
    pub rows: i64,
    /// Longest sequence, L.
    pub width: i64,
    /// Row of each real position, i64 `[N]`.
    pub row_of: Tensor,
    /// Place of each real position within its sequence, i64 `[N]`.
    pub position: Tensor,
    /// Place of each real position in `[B·L]`, i64 `[N]`; none when there is no padding.
    slots: Option<Tensor>,
    /// Which places of `[B,L]` are real, bool.
    pub mask: Tensor,
}

impl Layout {
    /// The layout of sequences of these lengths, each at least 1. `lengths` i64 `[B]` on the device; `total` is their
    /// sum N and `width` the longest, which the host knows.
    pub fn new(lengths: &Tensor, total: i64, width: i64) -> Result<Self> {
        let device = lengths.device();
        let count = (Kind::Int64, device);
        let rows = lengths.size1()?;
        let row_of =
            Tensor::f_arange(rows, count)?.f_repeat_interleave_self_tensor(lengths, 0, total)?;
        let starts = lengths.f_cumsum(0, None)?.f_sub(lengths)?;
        let position =
            Tensor::f_arange(total, count)?.f_sub(&starts.f_index_select(0, &row_of)?)?;
        let slots = (total < rows * width)
            .then(|| row_of.f_mul_scalar(width)?.f_add(&position))
            .transpose()?;
        let mask = Tensor::f_arange(width, count)?
            .f_unsqueeze(0)?
            .f_lt_tensor(&lengths.f_unsqueeze(1)?)?;
        Ok(Self {
            rows,
            width,
            row_of,
            position,
            slots,
            mask,
        })
    }

    /// The layout of sequences whose lengths the host holds.
    pub fn of(lengths: &[i64], device: Device) -> Result<Self> {
        let total = lengths.iter().sum();
        let width = lengths.iter().copied().max().unwrap_or(1);
        let lengths = Tensor::f_from_slice(lengths)?.f_to_device(device)?;
        Self::new(&lengths, total, width)
    }

    /// Spreads the real positions' vectors `[N,d]` over `[B,L,d]`; padding is 0.
    pub fn pad(&self, packed: &Tensor) -> Result<Tensor> {
        let dim = packed.size2()?.1;
        let flat = match &self.slots {
            None => packed.shallow_clone(),
            Some(slots) => Tensor::f_zeros(
                [self.rows * self.width, dim],
                (packed.f_kind()?, packed.device()),
            )?
            .f_index_copy(0, slots, packed)?,
        };
        Ok(flat.f_view([self.rows, self.width, dim])?)
    }

    /// The real positions' vectors `[N,d]` of `[B,L,d]`.
    pub fn pack(&self, padded: &Tensor) -> Result<Tensor> {
        let dim = padded.size3()?.2;
        let flat = padded.f_reshape([self.rows * self.width, dim])?;
        match &self.slots {
            None => Ok(flat),
            Some(slots) => Ok(flat.f_index_select(0, slots)?),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn packing_undoes_padding() {
        for lengths in [vec![3, 1, 2], vec![2, 2], vec![1]] {
            let layout = Layout::of(&lengths, Device::Cpu).unwrap();
            let total: i64 = lengths.iter().sum();
            let packed = Tensor::arange(total * 2, (Kind::Float, Device::Cpu)).view([total, 2]);
            let padded = layout.pad(&packed).unwrap();
            assert_eq!(
                padded.size(),
                [lengths.len() as i64, *lengths.iter().max().unwrap(), 2]
            );
            assert_eq!(layout.pack(&padded).unwrap(), packed);
            let real = layout.mask.sum(Kind::Int64).int64_value(&[]);
            assert_eq!(real, total);
        }
    }

    #[test]
    fn places_count_within_each_row() {
        let layout = Layout::of(&[3, 1, 2], Device::Cpu).unwrap();
        let row_of = Vec::<i64>::try_from(&layout.row_of).unwrap();
        let position = Vec::<i64>::try_from(&layout.position).unwrap();
        assert_eq!(row_of, [0, 0, 0, 1, 2, 2]);
        assert_eq!(position, [0, 1, 2, 0, 0, 1]);
    }
}
