//! What the linear reducers share: directions in which rows are long, and the projection on them.

use lapidary_sdk::prelude::*;

use crate::table;

/// Rows that are turned into f64 at a time.
const BLOCK: i64 = 65_536;

/// Directions with less than this share of the first one's variance are rounding errors.
const NEGLIGIBLE: f64 = 1e-14;

/// `(x − mean) matrix`
pub(crate) struct Projection {
    /// f64 `[d]`
    mean: Tensor,
    /// f64 `[d,dim]`
    matrix: Tensor,
}

impl Projection {
    /// # Shapes
    /// `mean` f64 `[d]`, `matrix` f64 `[d,dim]`.
    pub(crate) fn new(mean: Tensor, matrix: &Tensor) -> Result<Self> {
        // Laid out as it is loaded, so that both give the same bits.
        let matrix = matrix.f_contiguous()?;
        Ok(Self { mean, matrix })
    }

    /// What a component saves.
    pub(crate) fn save(fitted: Option<&Self>) -> State {
        let entry = |name: &str, tensor: &Tensor| (name.to_owned(), tensor.shallow_clone());
        let tensors = fitted.into_iter().flat_map(|fitted| {
            [
                entry("mean", &fitted.mean),
                entry("projection", &fitted.matrix),
            ]
        });
        State {
            tensors: tensors.collect(),
            ..State::default()
        }
    }

    /// Reads what [`Projection::save`] gave.
    pub(crate) fn load(state: &State) -> Result<Option<Self>> {
        if state.tensors.is_empty() {
            return Ok(None);
        }
        let double = |name| {
            let tensor = state.tensor(name)?.f_to_kind(DType::Double)?;
            Ok::<_, Error>(tensor.f_detach_copy()?)
        };
        let (mean, matrix) = (double("mean")?, double("projection")?);
        must(
            mean.dim() == 1 && matrix.dim() == 2 && mean.size()[0] == matrix.size()[0],
            || {
                format!(
                    "`mean` and `projection` must have the shapes [d] and [d,dim]; found {:?} and {:?}",
                    mean.size(),
                    matrix.size()
                )
            },
        )?;
        Ok(Some(Self { mean, matrix }))
    }

    /// # Shapes
    /// `table` f32 `[N,d]`, the result f32 `[N,dim]`.
    pub(crate) fn transform(fitted: Option<&Self>, table: &Tensor) -> Result<Tensor> {
        let fitted = fitted.ok_or_else(table::not_fitted)?;
        table::check_width(table::check(table)?, fitted.mean.size1()?)?;
        let mean = fitted.mean.f_to_device(table.device())?;
        let matrix = fitted.matrix.f_to_device(table.device())?;
        let reduce = |block: Tensor| {
            let centred = block.f_to_kind(DType::Double)?.f_sub(&mean)?;
            Ok(centred.f_matmul(&matrix)?.f_to_kind(DType::Float)?)
        };
        let blocks = table.f_detach()?.f_split(BLOCK, 0)?.into_iter().map(reduce);
        Ok(Tensor::f_cat(&blocks.collect::<Result<Vec<_>>>()?, 0)?)
    }
}

/// Orthogonal directions and the second moment of the rows along each, the largest first.
pub(crate) struct Directions {
    /// f64 `[d]`
    pub(crate) moments: Tensor,
    /// f64 `[d,d]`, a column a direction.
    vectors: Tensor,
}

impl Directions {
    /// The eigenvectors of a symmetric matrix, f64 `[d,d]`.
    pub(crate) fn of(matrix: &Tensor) -> Result<Self> {
        let (moments, vectors) = matrix.f_linalg_eigh("L")?;
        // They come in rising order.
        Ok(Self {
            moments: moments.f_flip([0])?,
            vectors: vectors.f_flip([1])?,
        })
    }

    /// The first directions, each turned so that its entry of largest magnitude is positive: f64 `[d,dim]`.
    pub(crate) fn first(&self, dim: i64) -> Result<Tensor> {
        let vectors = self.vectors.f_narrow(1, 0, dim)?;
        let largest = vectors.f_abs()?.f_argmax(0, true)?;
        let signs = vectors.f_gather(0, &largest, false)?.f_sign()?;
        Ok(vectors.f_mul(&signs)?)
    }

    /// `1 / √(moment + epsilon · largest)` of the first directions, 0 where a moment is only a rounding error: f64
    /// `[dim]`.
    pub(crate) fn inverse_deviations(&self, dim: i64, epsilon: f64) -> Result<Tensor> {
        let moments = self.moments.f_narrow(0, 0, dim)?;
        let largest = self.moments.f_narrow(0, 0, 1)?;
        let counts = moments.f_gt_tensor(&largest.f_mul_scalar(NEGLIGIBLE)?)?;
        let inverse = moments
            .f_add(&largest.f_mul_scalar(epsilon)?)?
            .f_clamp_min(f64::MIN_POSITIVE)?
            .f_rsqrt()?;
        Ok(inverse.f_mul(&counts.f_to_kind(DType::Double)?)?)
    }
}

/// Checks a table that is to be reduced to `dim` columns, for a method that compares rows.
pub(crate) fn check(table: &Tensor, dim: i64, method: &str) -> Result<()> {
    table::check_dim(dim, table::check(table)?)?;
    must(table.size()[0] >= 2, || {
        format!("{method} needs a table of at least 2 rows")
    })
}

/// The columns' means, f64 `[d]`.
pub(crate) fn means(table: &Tensor) -> Result<Tensor> {
    Ok(table.f_detach()?.f_mean_dim(0, false, DType::Double)?)
}

/// The mean product of each two columns after `centre`, f64 `[d]`, is taken off, over `count` rows: f64 `[d,d]`.
pub(crate) fn products(table: &Tensor, centre: &Tensor, count: i64) -> Result<Tensor> {
    let (_, width) = table.size2()?;
    let mut sum = Tensor::f_zeros([width, width], (DType::Double, table.device()))?;
    for block in table.f_detach()?.f_split(BLOCK, 0)? {
        let centred = block.f_to_kind(DType::Double)?.f_sub(centre)?;
        sum = sum.f_addmm(&centred.f_tr()?, &centred)?;
    }
    Ok(sum.f_div_scalar(count as f64)?)
}

/// Shares of the whole variance, f64 `[]`; all 0 where nothing varies.
pub(crate) fn shares(variances: &Tensor, whole: &Tensor) -> Result<Vec<f64>> {
    let whole = whole.f_clamp_min(f64::MIN_POSITIVE)?;
    let shares = variances.f_div(&whole)?.f_clamp(0.0, 1.0)?;
    Ok(Vec::try_from(&shares)?)
}

/// Principal components: the projection on the first `dim`, scaled to variance 1 where `whiten` gives an epsilon, and
/// the shares of variance that they explain.
pub(crate) fn principal(
    table: &Tensor,
    dim: i64,
    whiten: Option<f64>,
) -> Result<(Projection, Vec<f64>)> {
    let mean = means(table)?;
    let rows = table.size()[0];
    let directions = Directions::of(&products(table, &mean, rows - 1)?)?;
    let mut matrix = directions.first(dim)?;
    if let Some(epsilon) = whiten {
        matrix = matrix.f_mul(&directions.inverse_deviations(dim, epsilon)?)?;
    }
    let whole = directions.moments.f_clamp_min(0.0)?.f_sum(DType::Double)?;
    let shares = shares(&directions.moments.f_narrow(0, 0, dim)?, &whole)?;
    Ok((Projection::new(mean, &matrix)?, shares))
}
