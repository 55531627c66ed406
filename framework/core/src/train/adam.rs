//! Adam and AdamW.

use std::collections::BTreeMap;

use tch::Tensor;

use super::settings::{OptimiserKind, Settings};
use crate::error::{Error, Result};

/// A tensor that is trained, and its gradient of this step.
#[derive(Debug)]
pub struct Parameter {
    /// Name, unique in the model.
    pub name: String,
    /// The values, changed in place.
    pub value: Tensor,
    /// The gradient, same shape; the optimiser may change it.
    pub gradient: Tensor,
}

/// Adam (Kingma and Ba 2015), or AdamW (Loshchilov and Hutter 2019), as PyTorch computes them.
#[derive(Debug)]
pub struct Adam {
    decoupled: bool,
    beta1: f64,
    beta2: f64,
    epsilon: f64,
    weight_decay: f64,
    clip_norm: Option<f64>,
    state: BTreeMap<String, Moments>,
}

/// Running means of a parameter's gradient and its square, and how many steps they hold.
#[derive(Debug)]
struct Moments {
    first: Tensor,
    second: Tensor,
    scratch: Tensor,
    steps: i32,
}

impl Moments {
    fn new(like: &Tensor) -> Result<Self> {
        Ok(Self {
            first: like.f_zeros_like()?.f_detach()?,
            second: like.f_zeros_like()?.f_detach()?,
            scratch: like.f_zeros_like()?.f_detach()?,
            steps: 0,
        })
    }
}

impl Adam {
    /// An optimiser without state.
    pub fn new(settings: &Settings) -> Self {
        Self {
            decoupled: settings.optimiser == OptimiserKind::Adamw,
            beta1: settings.beta1,
            beta2: settings.beta2,
            epsilon: settings.epsilon,
            weight_decay: settings.weight_decay,
            clip_norm: settings.clip_norm,
            state: BTreeMap::new(),
        }
    }

    /// Updates the parameters at a learning rate above 0. Nothing waits for the device.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn step(&mut self, parameters: &[Parameter], rate: f64) -> Result<()> {
        let _no_grad = tch::no_grad_guard();
        if let Some(limit) = self.clip_norm {
            clip(parameters, limit)?;
        }
        parameters.iter().try_for_each(|p| self.update(p, rate))
    }

    fn update(&mut self, parameter: &Parameter, rate: f64) -> Result<()> {
        if !self.state.contains_key(&parameter.name) {
            let moments = Moments::new(&parameter.value)?;
            self.state.insert(parameter.name.clone(), moments);
        }
        let Some(moments) = self.state.get_mut(&parameter.name) else {
            return Ok(());
        };
        moments.steps += 1;
        let mut value = parameter.value.shallow_clone();
        let mut gradient = parameter.gradient.shallow_clone();
        if self.weight_decay > 0.0 {
            if self.decoupled {
                let _ = value.f_mul_scalar_(1.0 - rate * self.weight_decay)?;
            } else {
                gradient = gradient.f_add(&value.f_mul_scalar(self.weight_decay)?)?;
            }
        }
        let _ = moments.first.f_lerp_(&gradient, 1.0 - self.beta1)?;
        let _ = gradient.f_mul_out(&moments.scratch, &gradient)?;
        let _ = moments.second.f_lerp_(&moments.scratch, 1.0 - self.beta2)?;

        // value −= rate/c1 · first / (√second/√c2 + ε), with the constants folded into the divisor.
        let c1 = 1.0 - self.beta1.powi(moments.steps);
        let c2 = 1.0 - self.beta2.powi(moments.steps);
        let scale = -c1 / rate;
        let mut divisor = moments.second.f_sqrt_out(&moments.scratch)?;
        let _ = divisor.f_mul_scalar_(scale / c2.sqrt())?;
        let _ = divisor.f_add_scalar_(scale * self.epsilon)?;
        let _ = value.f_addcdiv_(&moments.first, &divisor)?;
        Ok(())
    }

    /// The state by name, and the steps of each parameter.
    pub(crate) fn state(&self) -> (Vec<(String, Tensor)>, BTreeMap<String, i32>) {
        let tensors = self.state.iter().flat_map(|(name, m)| {
            [
                (format!("exp_avg.{name}"), m.first.shallow_clone()),
                (format!("exp_avg_sq.{name}"), m.second.shallow_clone()),
            ]
        });
        let steps = self.state.iter().map(|(n, m)| (n.clone(), m.steps));
        (tensors.collect(), steps.collect())
    }

    /// Takes over a state; `find` gives a tensor of that name on the device.
    pub(crate) fn load(
        &mut self,
        steps: &BTreeMap<String, i32>,
        find: &dyn Fn(&str) -> Result<Tensor>,
    ) -> Result<()> {
        self.state.clear();
        for (name, &steps) in steps {
            let first = find(&format!("exp_avg.{name}"))?;
            let second = find(&format!("exp_avg_sq.{name}"))?;
            if first.size() != second.size() {
                return Err(Error::Shape {
                    what: format!("optimiser state of `{name}`"),
                    expected: format!("{:?}", first.size()),
                    found: format!("{:?}", second.size()),
                });
            }
            let scratch = first.f_zeros_like()?;
            let moments = Moments {
                first,
                second,
                scratch,
                steps,
            };
            self.state.insert(name.clone(), moments);
        }
        Ok(())
    }
}

/// Scales all gradients by min(1, limit / norm), the norm taken over all of them.
fn clip(parameters: &[Parameter], limit: f64) -> Result<()> {
    let norms = parameters
        .iter()
        .map(|p| p.gradient.f_norm())
        .collect::<std::result::Result<Vec<_>, _>>()?;
    if norms.is_empty() {
        return Ok(());
    }
    let norm = Tensor::f_stack(&norms, 0)?.f_norm()?;
    let scale = norm
        .f_add_scalar(1e-6)?
        .f_reciprocal()?
        .f_mul_scalar(limit)?
        .f_clamp_max(1.0)?;
    for parameter in parameters {
        let _ = parameter.gradient.shallow_clone().f_mul_(&scale)?;
    }
    Ok(())
}
