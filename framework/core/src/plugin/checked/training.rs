//! What is given to be trained, and what carries gradients.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::{Ask, LogLikelihoods, Request};
use tch::{Device, Tensor};

use super::By;

impl By {
    /// Checks that tensors can be trained.
    pub(super) fn trainable(
        &self,
        method: &str,
        parameters: &[(String, Tensor)],
        device: Device,
    ) -> Result<()> {
        for (name, tensor) in parameters {
            let sizes = tensor.size();
            let shape: Vec<_> = sizes.iter().map(|&size| ("", size)).collect();
            self.output(method, name, tensor, &shape, device)?;
            if !tensor.requires_grad() || !tensor.f_is_leaf()? {
                let text = format!(
                    "parameter `{name}` cannot be trained: it must require gradients and not be computed from others"
                );
                return Err(self.error(method, text));
            }
        }
        Ok(())
    }

    /// Checks that there is a value for each continuation.
    pub(super) fn likelihoods(
        &self,
        requests: &[Request],
        given: &LogLikelihoods,
        device: Device,
    ) -> Result<()> {
        let method = "log_likelihoods";
        let wanted = requests.iter().map(|request| match &request.ask {
            Ask::Likelihood { continuations } => continuations.len(),
            Ask::Complete { .. } => 0,
        });
        let (wanted, found): (usize, usize) = (wanted.sum(), given.tokens.len());
        let shape = [("T", wanted as i64)];
        self.output(method, "log_probs", &given.log_probs, &shape, device)?;
        match found == wanted {
            true => Ok(()),
            false => {
                let text = format!("gave {found} numbers of tokens for {wanted} continuations");
                Err(self.error(method, text))
            }
        }
    }
}
