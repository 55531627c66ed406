//! One step of fine-tuning.

use tch::Tensor;

use super::examples::{candidates, history};
use super::fit::Run;
use super::loss::recommendation;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::train::Parameter;

impl Run<'_> {
    /// Updates the parameters by the gradients of some users, `batch_size` of them at a time.
    pub(super) fn step(&mut self, users: &[u32], epoch: u32) -> Result<()> {
        self.clear_gradients()?;
        let (mut recommendation, mut format) = (0.0, 0.0);
        for part in users.chunks(self.settings.batch_size) {
            interrupt::check()?;
            let (loss, of_format) = self.losses(part, epoch)?;
            let share = part.len() as f64 / users.len() as f64;
            let weighted = match &of_format {
                Some(own) => loss.f_add(&own.f_mul_scalar(self.settings.format_weight)?)?,
                None => loss.shallow_clone(),
            };
            weighted.f_mul_scalar(share)?.f_backward()?;
            let value = |loss: &Tensor| loss.f_double_value(&[]);
            recommendation += part.len() as f64 * value(&loss)?;
            format += part.len() as f64 * of_format.as_ref().map_or(Ok(0.0), value)?;
        }
        if !(recommendation + format).is_finite() {
            return Err(self.not_finite("the loss is"));
        }
        let mut parameters = Vec::with_capacity(self.parameters.len());
        for (name, value) in &self.parameters {
            let gradient = value.f_grad()?;
            if gradient.defined() {
                parameters.push(Parameter {
                    name: name.clone(),
                    value: value.shallow_clone(),
                    gradient,
                });
            }
        }
        if parameters.is_empty() {
            let text = "no gradient came to what it gave to train";
            return Err(fault("log_likelihoods", text.to_owned()));
        }
        self.adam
            .step(&parameters, self.schedule.rate(self.state.steps))?;
        self.state.steps += 1;
        self.state.users += users.len();
        self.state.recommendation += recommendation;
        self.state.format += format;
        Ok(())
    }

    /// Mean losses of users that go through the model together: recommendation and format.
    fn losses(&self, users: &[u32], epoch: u32) -> Result<(Tensor, Option<Tensor>)> {
        let reference = self.reference.as_ref().ok_or_else(no_reference)?;
        let histories: Vec<&[u32]> = users.iter().map(|&u| history(self.split, u)).collect();
        let soft = self
            .asking
            .soft(&histories, self.settings.format_weight > 0.0)?;
        // Calibration turns what is not finite into 0, so nobody would see it later.
        if soft.raw.f_isfinite()?.f_all()?.f_int64_value(&[])? == 0 {
            return Err(self.not_finite("the likelihoods are"));
        }
        let scores = reference.scores(self.asking.strategy, &soft.raw)?;
        if !scores.requires_grad() {
            let text = "its numbers carry no gradients";
            return Err(fault("log_likelihoods", text.to_owned()));
        }
        let device = self.asking.device;
        let candidates = candidates(self.split, users, self.settings, epoch, device)?;
        let temperature = self.settings.temperature;
        let loss = recommendation(&scores, &candidates, &self.items, temperature)?;
        Ok((loss, soft.format))
    }

    fn clear_gradients(&self) -> Result<()> {
        for (_, value) in &self.parameters {
            let mut gradient = value.f_grad()?;
            if gradient.defined() {
                let _ = gradient.f_detach_()?.f_zero_()?;
            }
        }
        Ok(())
    }
}

fn no_reference() -> Error {
    Error::setting("fine_tune", "nothing was validated yet")
}

fn fault(method: &str, message: String) -> Error {
    Error::Component {
        component: "llm".to_owned(),
        method: method.to_owned(),
        message,
    }
}
