//! Making trainable tensors, and remembering them by name.

use crate::prelude::*;

/// Makes parameters on one device and keeps them in the order in which they were made.
pub struct Parameters {
    device: Device,
    std: f64,
    made: Vec<(String, Tensor)>,
}

impl Parameters {
    /// `std` is the standard deviation of [`Parameters::normal`].
    pub fn new(device: Device, std: f64) -> Self {
        Self {
            device,
            std,
            made: Vec::new(),
        }
    }

    /// Normally distributed around 0. Drawn on the CPU, so that a seed gives the same weights on every device.
    ///
    /// # Errors
    /// When memory is short.
    pub fn normal(&mut self, name: String, shape: &[i64]) -> Result<Tensor> {
        let mut values = Tensor::f_empty(shape, (DType::Float, Device::Cpu))?;
        let values = values.f_normal_(0.0, self.std)?;
        self.keep(name, &values)
    }

    /// Uniformly distributed between −`bound` and `bound`; drawn on the CPU too.
    ///
    /// # Errors
    /// When memory is short.
    pub fn uniform(&mut self, name: String, shape: &[i64], bound: f64) -> Result<Tensor> {
        let mut values = Tensor::f_empty(shape, (DType::Float, Device::Cpu))?;
        let values = values.f_uniform_(-bound, bound)?;
        self.keep(name, &values)
    }

    /// The same value everywhere.
    ///
    /// # Errors
    /// When memory is short.
    pub fn constant(&mut self, name: String, shape: &[i64], value: f64) -> Result<Tensor> {
        let values = Tensor::f_full(shape, value, (DType::Float, Device::Cpu))?;
        self.keep(name, &values)
    }

    /// All that were made.
    pub fn finish(self) -> Vec<(String, Tensor)> {
        self.made
    }

    fn keep(&mut self, name: String, values: &Tensor) -> Result<Tensor> {
        let parameter = values.f_to_device(self.device)?.f_set_requires_grad(true)?;
        self.made.push((name, parameter.shallow_clone()));
        Ok(parameter)
    }
}

/// The tensors themselves, named again: the result shares their storage.
pub fn share(parameters: &[(String, Tensor)]) -> Vec<(String, Tensor)> {
    let again = |(name, tensor): &(String, Tensor)| (name.clone(), tensor.shallow_clone());
    parameters.iter().map(again).collect()
}
