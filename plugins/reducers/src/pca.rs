//! Principal component analysis.

use lapidary_sdk::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table;

/// Rows that are turned into f64 at a time.
const BLOCK: i64 = 65_536;

/// Components that explain less than this share of what the first explains are rounding errors.
const NEGLIGIBLE: f64 = 1e-14;

/// Settings of [`Pca`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PcaSettings {
    /// Whether the reduced columns are scaled to variance 1. Columns that explain nothing become 0.
    pub whiten: bool,
}

/// Principal component analysis: the orthogonal directions in which the rows vary most, exactly, in f64.
///
/// The sign of a component is chosen so that its largest loading is positive, as scikit-learn does, so that runs agree.
/// Components beyond the table's rank explain nothing; they fill up when more columns are asked for.
pub struct Pca {
    settings: PcaSettings,
    fitted: Option<Projection>,
}

/// `(x − mean) matrix`
struct Projection {
    /// f64 `[d]`
    mean: Tensor,
    /// f64 `[d,dim]`
    matrix: Tensor,
}

impl Component for Pca {
    const NAME: &'static str = "pca";
    const SUMMARY: &'static str = "Principal components: the directions in which rows vary most.";
    type Settings = PcaSettings;
    type Context = ReducerContext;

    fn create(settings: PcaSettings, _: ReducerContext) -> Result<Self> {
        Ok(Self {
            settings,
            fitted: None,
        })
    }

    fn save(&self) -> Result<State> {
        let entry = |name: &str, tensor: &Tensor| (name.to_owned(), tensor.shallow_clone());
        let tensors = self.fitted.iter().flat_map(|fitted| {
            [
                entry("mean", &fitted.mean),
                entry("projection", &fitted.matrix),
            ]
        });
        Ok(State {
            tensors: tensors.collect(),
            ..State::default()
        })
    }

    fn load(&mut self, state: &State) -> Result<()> {
        if state.tensors.is_empty() {
            self.fitted = None;
            return Ok(());
        }
        let double = |name| {
            Ok::<_, Error>(
                state
                    .tensor(name)?
                    .f_to_kind(DType::Double)?
                    .f_detach_copy()?,
            )
        };
        let (mean, matrix) = (double("mean")?, double("projection")?);
        if mean.dim() != 1 || matrix.dim() != 2 || mean.size()[0] != matrix.size()[0] {
            return Err(Error::invalid(format!(
                "`mean` and `projection` must have the shapes [d] and [d,dim]; found {:?} and {:?}",
                mean.size(),
                matrix.size()
            )));
        }
        self.fitted = Some(Projection { mean, matrix });
        Ok(())
    }
}

impl Reducer for Pca {
    fn fit(&mut self, table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>> {
        let width = table::check(table)?;
        table::check_dim(dim, width)?;
        if table.size()[0] < 2 {
            return Err(Error::invalid(
                "principal components need a table of at least 2 rows",
            ));
        }
        let table = table.f_detach()?;
        let mean = table.f_mean_dim(0, false, DType::Double)?;
        let (variances, vectors) = covariance(&table, &mean)?.f_linalg_eigh("L")?;
        // They come in rising order.
        let (variances, vectors) = (variances.f_flip([0])?, vectors.f_flip([1])?);
        let kept = variances.f_narrow(0, 0, dim)?;
        let directions = oriented(&vectors.f_narrow(1, 0, dim)?)?;
        let matrix = match self.settings.whiten {
            true => directions.f_mul(&inverse_deviations(&kept)?)?,
            false => directions,
        };
        // Laid out as it is loaded, so that both give the same bits.
        let matrix = matrix.f_contiguous()?;
        self.fitted = Some(Projection { mean, matrix });
        shares(&kept, &variances).map(Some)
    }

    fn transform(&self, table: &Tensor) -> Result<Tensor> {
        let fitted = self.fitted.as_ref().ok_or_else(table::not_fitted)?;
        table::check_width(table::check(table)?, fitted.mean.size()[0])?;
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

/// Covariance of the columns, f64 `[d,d]`.
fn covariance(table: &Tensor, mean: &Tensor) -> Result<Tensor> {
    let (rows, width) = table.size2()?;
    let mut sum = Tensor::f_zeros([width, width], (DType::Double, table.device()))?;
    for block in table.f_split(BLOCK, 0)? {
        let centred = block.f_to_kind(DType::Double)?.f_sub(mean)?;
        sum = sum.f_addmm(&centred.f_tr()?, &centred)?;
    }
    Ok(sum.f_div_scalar((rows - 1) as f64)?)
}

/// Turns each column so that its entry of largest magnitude is positive.
fn oriented(vectors: &Tensor) -> Result<Tensor> {
    let largest = vectors.f_abs()?.f_argmax(0, true)?;
    let signs = vectors.f_gather(0, &largest, false)?.f_sign()?;
    Ok(vectors.f_mul(&signs)?)
}

fn inverse_deviations(variances: &Tensor) -> Result<Tensor> {
    let first = variances.f_narrow(0, 0, 1)?;
    let counts = variances.f_gt_tensor(&first.f_mul_scalar(NEGLIGIBLE)?)?;
    let inverse = variances.f_clamp_min(f64::MIN_POSITIVE)?.f_rsqrt()?;
    Ok(inverse.f_mul(&counts.f_to_kind(DType::Double)?)?)
}

/// Shares of the whole variance; all 0 where nothing varies.
fn shares(variances: &Tensor, all: &Tensor) -> Result<Vec<f64>> {
    let whole = all.f_clamp_min(0.0)?.f_sum(DType::Double)?;
    let whole = whole.f_clamp_min(f64::MIN_POSITIVE)?;
    let shares = variances.f_clamp_min(0.0)?.f_div(&whole)?;
    Ok(Vec::try_from(&shares)?)
}
