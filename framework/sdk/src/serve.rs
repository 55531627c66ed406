//! How a kind's methods are called with arguments that crossed the boundary.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tch::Tensor;

use crate::component::{Component, Kind, Method, find};
use crate::error::{Error, Result};

/// Turns numbered methods into calls of a kind's trait. One marker type a kind implements it.
pub trait Serve<T: Component>: 'static {
    /// The kind.
    const KIND: Kind;

    /// The kind's methods, of which the component answers those that are not optional and those that
    /// [`Component::OPTIONAL`] names.
    fn methods() -> Vec<Method> {
        crate::kinds::methods(Self::KIND)
    }

    /// Calls a method.
    ///
    /// # Errors
    /// What the component reports, or [`Error::Unsupported`].
    fn invoke(instance: &mut T, number: u32, call: &mut Incoming<'_>) -> Result<()>;
}

/// Takes a tensor that the component gives.
pub(crate) type Give<'a> = dyn FnMut(&str, Tensor) -> Result<()> + 'a;

/// The arguments of a call, and the places for its results.
pub struct Incoming<'a> {
    pub(crate) inputs: Vec<(String, Tensor)>,
    pub(crate) arguments: &'a str,
    pub(crate) give: &'a mut Give<'a>,
    pub(crate) reply: String,
}

impl Incoming<'_> {
    /// The input tensor of that name.
    ///
    /// # Errors
    /// When the caller did not pass it.
    pub fn input(&self, name: &str) -> Result<&Tensor> {
        find(&self.inputs, name)
    }

    /// The arguments that are not tensors.
    ///
    /// # Errors
    /// When they do not have the agreed form.
    pub fn arguments<A: DeserializeOwned>(&self) -> Result<A> {
        serde_json::from_str(self.arguments).map_err(Error::json("arguments"))
    }

    /// Hands a tensor to the caller.
    ///
    /// # Errors
    /// When the caller refuses it.
    pub fn give(&mut self, name: &str, tensor: Tensor) -> Result<()> {
        (self.give)(name, tensor)
    }

    /// Sets the part of the result that is not tensors.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn reply<R: Serialize>(&mut self, value: &R) -> Result<()> {
        self.reply = serde_json::to_string(value).map_err(Error::json("reply"))?;
        Ok(())
    }
}
