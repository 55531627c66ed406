//! Cross-entropy over the whole catalogue, in blocks, with gradients in the same pass.

use tch::{Kind, Tensor};

use crate::error::Result;

/// How many logits are computed at once. A block is whole rows of the catalogue where enough of them fit; a larger
/// catalogue is taken in blocks of columns, once for the normaliser and once more for the gradients.
#[derive(Clone, Copy, Debug)]
pub struct Blocks {
    /// Logits held at once.
    pub logits: i64,
    /// Fewer whole rows than this are not worth it.
    pub min_rows: i64,
}

impl Default for Blocks {
    fn default() -> Self {
        Self {
            logits: 1 << 22,
            min_rows: 64,
        }
    }
}

impl Blocks {
    /// Rows and columns of a block.
    fn shape(self, rows: i64, columns: i64) -> (i64, i64) {
        let (rows, columns) = (rows.max(1), columns.max(1));
        let whole = self.logits / columns;
        if whole >= self.min_rows.min(rows) {
            return (whole.clamp(1, rows), columns);
        }
        // Tall blocks, so that the table is read few times.
        let height = rows.min(8 * self.min_rows).clamp(1, self.logits.max(1));
        (height, (self.logits / height).clamp(1, columns))
    }
}

/// Mean cross-entropy of the targets under softmax over `⟨query, table row⟩`.
///
/// The logits `[N,V]` never exist as a whole: each block's logits become its loss and its gradients right away, so
/// memory does not grow with N × V, and nothing is kept for a backward pass. Call it without gradient recording.
///
/// # Shapes
/// `query` f32 `[N,d]`, `table` f32 `[V,d]`, `targets` i64 `[N]`. `table_gradient` `[V,d]`, where given, is added to.
/// Returns the mean loss, f32 `[]`, and its gradient by the query, `[N,d]`. The loss of a target whose probability
/// underflows counts as 87 (its gradients are exact).
///
/// # Errors
/// When shapes do not fit.
pub fn cross_entropy(
    query: &Tensor,
    table: &Tensor,
    targets: &Tensor,
    table_gradient: Option<&Tensor>,
    blocks: Blocks,
) -> Result<(Tensor, Tensor)> {
    let (n, columns) = (query.size2()?.0, table.size2()?.0);
    let (height, width) = blocks.shape(n, columns);
    let share = 1.0 / n.max(1) as f64;
    let mut pass = Pass {
        table,
        table_gradient,
        width,
        logits: Tensor::f_empty([height * width], (Kind::Float, query.device()))?,
        share,
    };
    let query_gradient = query.f_empty_like()?;
    let mut loss = Tensor::f_zeros([], (Kind::Float, query.device()))?;
    for first in (0..n).step_by(height as usize) {
        let rows = height.min(n - first);
        let rows = Rows {
            query: query.f_narrow(0, first, rows)?,
            gradient: query_gradient.f_narrow(0, first, rows)?,
            targets: targets.f_narrow(0, first, rows)?.f_unsqueeze(1)?,
        };
        let part = match width == columns {
            true => pass.whole_rows(&rows)?,
            false => pass.part_rows(&rows)?,
        };
        let _ = loss.f_add_(&part)?;
    }
    let _ = query_gradient.shallow_clone().f_mul_scalar_(share)?;
    Ok((loss.f_mul_scalar_(share)?, query_gradient))
}

struct Pass<'a> {
    table: &'a Tensor,
    table_gradient: Option<&'a Tensor>,
    width: i64,
    logits: Tensor,
    share: f64,
}

/// A block of positions.
struct Rows {
    query: Tensor,
    gradient: Tensor,
    targets: Tensor,
}

impl Pass<'_> {
    /// All columns at once: one softmax gives both the loss and the gradient by the logits.
    fn whole_rows(&mut self, rows: &Rows) -> Result<Tensor> {
        let mut p = self.logits(rows, self.table)?;
        let _ = p.f_internal_softmax_out(&p, 1, false)?;
        let of_target = p.f_gather(1, &rows.targets, false)?;
        let _ = p.f_scatter_(1, &rows.targets, &of_target.f_sub_scalar(1.0)?)?;
        let _ = p.f_mm_out(&rows.gradient, self.table)?;
        self.add_to_table(0, &p, rows)?;
        Ok(of_target
            .f_clamp_min(f64::from(f32::MIN_POSITIVE))?
            .f_log_()?
            .f_sum(Kind::Float)?
            .f_neg()?)
    }

    /// Columns in blocks: the normaliser first, then the gradients.
    fn part_rows(&mut self, rows: &Rows) -> Result<Tensor> {
        let n_items = self.table.size2()?.0;
        let mut normaliser: Option<Tensor> = None;
        for first in (0..n_items).step_by(self.width as usize) {
            let part = self
                .logits(rows, &self.columns(first)?)?
                .f_logsumexp([1i64].as_slice(), true)?;
            normaliser = Some(match normaliser {
                None => part,
                Some(sum) => sum.f_logaddexp(&part)?,
            });
        }
        let normaliser = normaliser.map_or_else(|| rows.query.f_narrow(1, 0, 1), Ok)?;
        let _ = rows.gradient.shallow_clone().f_zero_()?;
        for first in (0..n_items).step_by(self.width as usize) {
            let table = self.columns(first)?;
            let mut p = self.logits(rows, &table)?;
            let _ = p.f_sub_(&normaliser)?;
            let _ = p.f_exp_()?;
            let within = rows.targets.f_sub_scalar(first)?;
            let here = within
                .f_ge(0)?
                .f_logical_and(&within.f_lt(table.size2()?.0)?)?
                .f_to_kind(Kind::Float)?;
            let within = within.f_clamp(0, table.size2()?.0 - 1)?;
            let _ = p.f_scatter_add_(1, &within, &here.f_neg()?)?;
            let _ = rows.gradient.shallow_clone().f_addmm_(&p, &table)?;
            self.add_to_table(first, &p, rows)?;
        }
        let targets = self
            .table
            .f_index_select(0, &rows.targets.f_squeeze_dim(1)?)?;
        let of_target =
            rows.query
                .f_mul(&targets)?
                .f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?;
        Ok(normaliser.f_sub(&of_target)?.f_sum(Kind::Float)?)
    }

    fn columns(&self, first: i64) -> Result<Tensor> {
        let n_items = self.table.size2()?.0;
        Ok(self
            .table
            .f_narrow(0, first, self.width.min(n_items - first))?)
    }

    /// Logits of a block, in the one buffer that all blocks share.
    fn logits(&self, rows: &Rows, table: &Tensor) -> Result<Tensor> {
        let (height, width) = (rows.query.size2()?.0, table.size2()?.0);
        let out = self
            .logits
            .f_narrow(0, 0, height * width)?
            .f_view([height, width])?;
        Ok(rows.query.f_mm_out(&out, &table.f_transpose(0, 1)?)?)
    }

    fn add_to_table(&self, first: i64, by_logits: &Tensor, rows: &Rows) -> Result<()> {
        let Some(gradient) = self.table_gradient else {
            return Ok(());
        };
        let width = by_logits.size2()?.1;
        let scaled = rows.query.f_mul_scalar(self.share)?;
        let _ = gradient
            .f_narrow(0, first, width)?
            .f_addmm_(&by_logits.f_transpose(0, 1)?, &scaled)?;
        Ok(())
    }
}
