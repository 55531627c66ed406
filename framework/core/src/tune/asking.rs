//! Asking the model about users, with and without gradients.

use lapidary_sdk::kinds::{Answer, Ask, ItemText, Llm, PromptStrategy, Request, Subject};
use tch::{Device, Kind, Tensor};

use crate::error::{Error, Result};
use crate::interrupt;

/// Users that are asked about at once without gradients.
const AT_ONCE: usize = 16;

/// Asks a model about users as a prompt strategy does.
pub(super) struct Asking<'a> {
    pub llm: &'a dyn Llm,
    pub strategy: &'a dyn PromptStrategy,
    pub text: &'a dyn Fn(u32) -> ItemText,
    pub device: Device,
}

/// What was measured of some users, with gradients.
pub(super) struct Soft {
    /// Raw measurements, f32 `[B,r]`.
    pub raw: Tensor,
    /// Mean over users of the cross-entropy a token of the template's own words, f32 `[]`.
    pub format: Option<Tensor>,
}

impl Asking<'_> {
    fn subject(&self, history: &[u32]) -> Subject {
        Subject::User(history.iter().map(|&item| (self.text)(item)).collect())
    }

    fn requests(&self, subject: &Subject) -> Result<Vec<Request>> {
        let requests = self.strategy.requests(subject);
        requests.map_err(Error::component("prompt strategy", "requests"))
    }

    /// Measures users by their histories, in one pass for all; `format` asks for the template's own words, too.
    pub fn soft(&self, histories: &[&[u32]], format: bool) -> Result<Soft> {
        let subjects: Vec<Subject> = histories.iter().map(|h| self.subject(h)).collect();
        let mut requests = Vec::new();
        for subject in &subjects {
            requests.extend(self.requests(subject)?);
        }
        let measured = continuations(&requests);
        let mut own_ends = Vec::new();
        for subject in subjects.iter().filter(|_| format) {
            let own = self.strategy.own_text(subject);
            requests.extend(own.map_err(Error::component("prompt strategy", "own_text"))?);
            own_ends.push(continuations(&requests));
        }
        let given = self.llm.log_likelihoods(&requests);
        let given = given.map_err(Error::component("llm", "log_likelihoods"))?;
        let shape = [subjects.len() as i64, -1];
        let users = subjects.len().max(1);
        if measured == 0 || !measured.is_multiple_of(users) {
            let text = format!(
                "asks {measured} continuations about {users} users; each must get the same number"
            );
            return Err(fault("requests", text));
        }
        let tokens: Vec<i64> = given.tokens.iter().map(|&n| n.into()).collect();
        let (of_raw, of_own) = tokens.split_at(measured);
        let of_raw = Tensor::f_from_slice(of_raw)?
            .f_view(shape)?
            .f_to_device(self.device)?;
        let log_probs = given
            .log_probs
            .f_narrow(0, 0, measured as i64)?
            .f_view(shape)?;
        let raw = self.strategy.measure(&log_probs, &of_raw);
        let weights = own_weights(of_own, measured, &own_ends);
        let format = (!weights.is_empty()).then(|| -> Result<Tensor> {
            let own = given
                .log_probs
                .f_narrow(0, measured as i64, weights.len() as i64)?;
            let weights = Tensor::f_from_slice(&weights)?.f_to_device(self.device)?;
            Ok(own.f_mul(&weights)?.f_sum(Kind::Float)?.f_neg()?)
        });
        Ok(Soft {
            raw: raw.map_err(Error::component("prompt strategy", "measure"))?,
            format: format.transpose()?,
        })
    }

    /// The same measurements without gradients, f32 `[N,r]`; NaN where something could not be read.
    pub fn raw(&self, histories: &[&[u32]], done: &dyn Fn(usize)) -> Result<Tensor> {
        let mut values: Vec<f32> = Vec::new();
        for (number, part) in histories.chunks(AT_ONCE).enumerate() {
            interrupt::check()?;
            let subjects: Vec<Subject> = part.iter().map(|h| self.subject(h)).collect();
            let asked = subjects.iter().map(|s| self.requests(s));
            let asked = asked.collect::<Result<Vec<_>>>()?;
            let answers = self.llm.answer(&asked.concat());
            let answers = answers.map_err(Error::component("llm", "answer"))?;
            let mut answers = answers.as_slice();
            for (subject, requests) in subjects.iter().zip(&asked) {
                let (own, later) = answers.split_at(requests.len().min(answers.len()));
                answers = later;
                values.extend(self.read(subject, own)?);
            }
            done(number * AT_ONCE + part.len());
        }
        let shape = [histories.len() as i64, -1];
        Ok(Tensor::f_from_slice(&values)?
            .f_view(shape)?
            .f_to_device(self.device)?)
    }

    fn read(&self, subject: &Subject, answers: &[Answer]) -> Result<Vec<f32>> {
        let reading = self.strategy.read(subject, answers);
        let reading = reading.map_err(Error::component("prompt strategy", "read"))?;
        Ok(reading
            .values
            .iter()
            .map(|v| v.unwrap_or(f32::NAN))
            .collect())
    }
}

fn continuations(requests: &[Request]) -> usize {
    let asks = requests.iter().map(|request| match &request.ask {
        Ask::Likelihood { continuations } => continuations.len(),
        Ask::Complete { .. } => 0,
    });
    asks.sum()
}

/// What each continuation's log-likelihood is multiplied with: every user weighs the same, and every token of a user.
fn own_weights(tokens: &[i64], start: usize, ends: &[usize]) -> Vec<f32> {
    let mut weights = Vec::with_capacity(tokens.len());
    for &end in ends {
        let own = tokens.get(weights.len()..end - start).unwrap_or_default();
        let total: i64 = own.iter().sum();
        let weight = 1.0 / (total.max(1) as f32 * ends.len() as f32);
        weights.extend(std::iter::repeat_n(weight, own.len()));
    }
    weights
}

fn fault(method: &str, message: String) -> Error {
    Error::Component {
        component: "prompt strategy".to_owned(),
        method: method.to_owned(),
        message,
    }
}
