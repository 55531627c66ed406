//! Backbones: sequence models that the host trains.

use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::component::{Component, Kind, Method, Stateful};
use crate::error::{Error, Result};
use crate::serve::{Incoming, Serve};

/// A sequence model: embedded sequences in, hidden states out. It owns its parameters; the host owns the item table,
/// the loss, the optimiser, the loop, checkpoints and evaluation.
pub trait Backbone: Stateful {
    /// What it is trained for.
    ///
    /// # Errors
    /// When the component fails.
    fn objective(&self) -> Result<Objective>;

    /// Its trainable tensors, by name. They share storage with the backbone's own: the host reads their gradients and
    /// updates them in place.
    ///
    /// # Errors
    /// When the component fails.
    fn parameters(&self) -> Result<Vec<(String, Tensor)>>;

    /// Runs the model. Rows are padded on the right: real positions come first. Hidden states at padded positions are
    /// not looked at.
    ///
    /// # Shapes
    /// `input` f32 `[B,L,d]`: embedded items, oldest first; `mask` bool `[B,L]`: true at real positions; result f32
    /// `[B,L,d]`. L is at most the context's `max_len`.
    ///
    /// # Errors
    /// When a shape does not fit.
    fn forward(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor>;

    /// The hidden state at each row's last real position, without dropout: all that ranking asks for. It equals what
    /// [`Backbone::forward`] has there, which is what it is taken from unless a backbone can compute less; one that
    /// does lists [`method::LAST`] in [`Component::OPTIONAL`].
    ///
    /// # Shapes
    /// `input` f32 `[B,L,d]` and `mask` bool `[B,L]` as in [`Backbone::forward`], each row with a real position; result
    /// f32 `[B,d]`.
    ///
    /// # Errors
    /// When a shape does not fit.
    fn last(&self, input: &Tensor, mask: &Tensor) -> Result<Tensor> {
        last_of(&self.forward(input, mask, false)?, mask)
    }
}

/// The states at the last real positions, `[B,d]`, of `states` `[B,L,d]`; `mask` bool `[B,L]`, real positions first.
///
/// # Errors
/// When a shape does not fit.
pub fn last_of(states: &Tensor, mask: &Tensor) -> Result<Tensor> {
    let (batch, _, dim) = states.size3()?;
    let lengths = mask.f_sum_dim_intlist([1i64].as_slice(), true, tch::Kind::Int64)?;
    let last = (lengths - 1)
        .f_clamp_min(0)?
        .f_unsqueeze(-1)?
        .f_expand([batch, 1, dim], false)?;
    Ok(states.f_gather(1, &last, false)?.f_squeeze_dim(1)?)
}

/// What a backbone is trained for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// Every position predicts the item after it.
    NextItem,
    /// Positions are masked at random and predicted from both sides.
    Cloze {
        /// Probability that a position is masked.
        mask_probability: f64,
    },
}

/// What the host tells a backbone on creation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackboneContext {
    /// Embedding size, d.
    pub dim: i64,
    /// Longest sequence, L.
    pub max_len: i64,
    /// `cpu` or `cuda:N`: where its parameters live.
    pub device: String,
}

/// Method numbers.
pub mod method {
    /// `objective`.
    pub const OBJECTIVE: u32 = 1;
    /// `parameters`.
    pub const PARAMETERS: u32 = 2;
    /// `forward`.
    pub const FORWARD: u32 = 3;
    /// `last`.
    pub const LAST: u32 = 4;
}

/// Arguments of `forward` that are not tensors.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ForwardArguments {
    /// Whether dropout is on.
    pub train: bool,
}

/// The methods of a backbone, as written in `ABI.md`.
pub fn methods() -> Vec<Method> {
    vec![
        Method::new(method::OBJECTIVE, "objective", &[], &[]),
        Method::new(method::PARAMETERS, "parameters", &[], &["* f32 [...]"]),
        Method::new(
            method::FORWARD,
            "forward",
            &["input f32 [B,L,d]", "mask bool [B,L]"],
            &["hidden f32 [B,L,d]"],
        ),
        Method::new(
            method::LAST,
            "last",
            &["input f32 [B,L,d]", "mask bool [B,L]"],
            &["hidden f32 [B,d]"],
        )
        .optional(),
    ]
}

/// Serves backbones.
pub struct BackboneKind;

impl<T: Component<Context = BackboneContext> + Backbone> Serve<T> for BackboneKind {
    const KIND: Kind = Kind::Backbone;

    fn invoke(instance: &mut T, number: u32, call: &mut Incoming<'_>) -> Result<()> {
        match number {
            method::OBJECTIVE => call.reply(&instance.objective()?),
            method::PARAMETERS => {
                for (name, tensor) in instance.parameters()? {
                    call.give(&name, tensor)?;
                }
                Ok(())
            }
            method::FORWARD => {
                let ForwardArguments { train } = call.arguments()?;
                let hidden = instance.forward(call.input("input")?, call.input("mask")?, train)?;
                call.give("hidden", hidden)
            }
            method::LAST => {
                let hidden = instance.last(call.input("input")?, call.input("mask")?)?;
                call.give("hidden", hidden)
            }
            other => Err(Error::Unsupported(other)),
        }
    }
}
