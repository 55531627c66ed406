//! What components give back, checked against `ABI.md` before anyone uses it. The registry puts a check around every
//! instance that it makes, wherever the component is from, so nobody else needs to look.

mod training;

use lapidary_sdk::kinds::{
    Answer, Answers, Ask, Backbone, BackboneContext, BaseEmbedder, BaseEmbedderContext,
    BaseEmbeddings, EmbedSettings, Interactions, Llm, LlmContext, LlmInfo, LogLikelihoods,
    LoraSettings, Objective, PromptStrategy, PromptStrategyContext, Reading, Reducer,
    ReducerContext, Request, Subject,
};
use lapidary_sdk::{Error, Result, State, Stateful};
use tch::{Device, Kind as DType, Tensor};

/// A component of which a check needs to know some facts.
struct Checked<T: ?Sized, F> {
    inner: Box<T>,
    by: By,
    facts: F,
}

pub(super) fn backbone(
    inner: Box<dyn Backbone>,
    by: String,
    context: &BackboneContext,
) -> Result<Box<dyn Backbone>> {
    let facts = lapidary_sdk::device(&context.device)?;
    let by = By(by);
    Ok(Box::new(Checked { inner, by, facts }))
}

pub(super) fn base_embedder(
    inner: Box<dyn BaseEmbedder>,
    by: String,
    context: &BaseEmbedderContext,
) -> Result<Box<dyn BaseEmbedder>> {
    let device = lapidary_sdk::device(&context.device)?;
    let facts = (context.n_items, context.dim, device);
    let by = By(by);
    Ok(Box::new(Checked { inner, by, facts }))
}

pub(super) fn llm(inner: Box<dyn Llm>, by: String, context: &LlmContext) -> Result<Box<dyn Llm>> {
    let facts = lapidary_sdk::device(&context.device)?;
    let by = By(by);
    Ok(Box::new(Checked { inner, by, facts }))
}

pub(super) fn prompt_strategy(
    inner: Box<dyn PromptStrategy>,
    by: String,
    context: &PromptStrategyContext,
) -> Result<Box<dyn PromptStrategy>> {
    let facts = context.attributes.attributes.len() as i64;
    let by = By(by);
    Ok(Box::new(Checked { inner, by, facts }))
}

pub(super) fn reducer(
    inner: Box<dyn Reducer>,
    by: String,
    _: &ReducerContext,
) -> Result<Box<dyn Reducer>> {
    let (by, dim) = (By(by), ANY);
    Ok(Box::new(CheckedReducer { inner, by, dim }))
}

impl<T: Stateful + ?Sized, F> Stateful for Checked<T, F> {
    fn save(&self) -> Result<State> {
        self.inner.save()
    }

    fn load(&mut self, state: &State) -> Result<()> {
        self.inner.load(state)
    }
}

/// Knows the device of the parameters.
impl Backbone for Checked<dyn Backbone, Device> {
    fn objective(&self) -> Result<Objective> {
        let objective = self.inner.objective()?;
        match objective {
            Objective::Cloze { mask_probability } if !(0.0..=1.0).contains(&mask_probability) => {
                let text = format!("{mask_probability} is no probability");
                Err(self.by.error("objective", text))
            }
            _ => Ok(objective),
        }
    }

    fn parameters(&self) -> Result<Vec<(String, Tensor)>> {
        let parameters = self.inner.parameters()?;
        self.by.trainable("parameters", &parameters, self.facts)?;
        Ok(parameters)
    }

    fn forward(&self, input: &Tensor, mask: &Tensor, train: bool) -> Result<Tensor> {
        let hidden = self.inner.forward(input, mask, train)?;
        let shape: Vec<_> = ["B", "L", "d"].into_iter().zip(input.size()).collect();
        let device = input.device();
        self.by
            .output("forward", "hidden", &hidden, &shape, device)?;
        Ok(hidden)
    }

    fn last(&self, input: &Tensor, mask: &Tensor) -> Result<Tensor> {
        let hidden = self.inner.last(input, mask)?;
        let (batch, _, dim) = input.size3()?;
        let shape = [("B", batch), ("d", dim)];
        self.by
            .output("last", "hidden", &hidden, &shape, input.device())?;
        Ok(hidden)
    }
}

/// Knows V, d, and the device of the tables.
impl BaseEmbedder for Checked<dyn BaseEmbedder, (i64, i64, Device)> {
    fn fit(&mut self, train: &Interactions) -> Result<BaseEmbeddings> {
        let learned = self.inner.fit(train)?;
        let (n_items, dim, device) = self.facts;
        let n_users = train.offsets.size().first().map_or(0, |n| n - 1);
        let shape = [("V", n_items), ("d", dim)];
        self.by
            .output("fit", "items", &learned.items, &shape, device)?;
        if let Some(users) = &learned.users {
            let shape = [("U", n_users), ("d", dim)];
            self.by.output("fit", "users", users, &shape, device)?;
        }
        Ok(learned)
    }
}

/// Knows the device.
impl Llm for Checked<dyn Llm, Device> {
    fn info(&self) -> Result<LlmInfo> {
        self.inner.info()
    }

    fn answer(&self, requests: &[Request]) -> Result<Vec<Answer>> {
        let answers = self.inner.answer(requests)?;
        let places: Vec<_> = answers.iter().map(Some).collect();
        self.by.answers("answer", requests, &places)?;
        Ok(answers)
    }

    fn answer_some(&self, requests: &[Request]) -> Result<Answers> {
        let some = self.inner.answer_some(requests)?;
        let places: Vec<_> = some.answers.iter().map(Option::as_ref).collect();
        self.by.answers("answer_some", requests, &places)?;
        let missing = places.iter().filter(|a| a.is_none()).count();
        if missing > 0 && some.error.is_none() {
            let text = format!("left {missing} requests without an answer and does not say why");
            return Err(self.by.error("answer_some", text));
        }
        Ok(some)
    }

    fn adapt(&mut self, settings: &LoraSettings) -> Result<Vec<(String, Tensor)>> {
        let parameters = self.inner.adapt(settings)?;
        self.by.trainable("adapt", &parameters, self.facts)?;
        match parameters.is_empty() {
            true => Err(self.by.error("adapt", "gave nothing to train".to_owned())),
            false => Ok(parameters),
        }
    }

    fn log_likelihoods(&self, requests: &[Request]) -> Result<LogLikelihoods> {
        let given = self.inner.log_likelihoods(requests)?;
        self.by.likelihoods(requests, &given, self.facts)?;
        Ok(given)
    }

    fn embed(&self, texts: &[String], settings: &EmbedSettings) -> Result<Tensor> {
        let states = self.inner.embed(texts, settings)?;
        let shape = [("N", texts.len() as i64), ("h", ANY)];
        self.by
            .output("embed", "states", &states, &shape, self.facts)?;
        if !bool::try_from(states.f_isfinite()?.f_all()?)? {
            let text = "output `states` holds numbers that are not finite".to_owned();
            return Err(self.by.error("embed", text));
        }
        Ok(states)
    }
}

/// What is wrong with an answer.
fn misfit(ask: &Ask, answer: &Answer) -> Option<String> {
    match (ask, answer) {
        (Ask::Likelihood { continuations }, Answer::Likelihood { log_probs, tokens })
            if log_probs.len() == continuations.len() && tokens.len() == continuations.len() =>
        {
            let odd = log_probs.iter().find(|p| !p.is_finite())?;
            Some(format!(
                "holds the log-probability {odd}, which must be finite"
            ))
        }
        (Ask::Complete { .. }, Answer::Text(_)) => None,
        _ => Some("is not of the form that was asked for".to_owned()),
    }
}

/// Knows the number of attributes, m.
impl PromptStrategy for Checked<dyn PromptStrategy, i64> {
    fn requests(&self, subject: &Subject) -> Result<Vec<Request>> {
        self.inner.requests(subject)
    }

    fn read(&self, subject: &Subject, answers: &[Answer]) -> Result<Reading> {
        self.inner.read(subject, answers)
    }

    fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> Result<Tensor> {
        let scores = self.inner.calibrate(raw, reference)?;
        let shape = [("N", rows(raw)), ("m", self.facts)];
        let device = raw.device();
        self.by
            .output("calibrate", "scores", &scores, &shape, device)?;
        Ok(scores)
    }

    fn measure(&self, log_probs: &Tensor, tokens: &Tensor) -> Result<Tensor> {
        let raw = self.inner.measure(log_probs, tokens)?;
        let shape = [("N", rows(log_probs)), ("r", ANY)];
        let device = log_probs.device();
        self.by.output("measure", "raw", &raw, &shape, device)?;
        Ok(raw)
    }

    fn own_text(&self, subject: &Subject) -> Result<Vec<Request>> {
        self.inner.own_text(subject)
    }
}

struct CheckedReducer {
    inner: Box<dyn Reducer>,
    by: By,
    /// Columns of reduced tables, where that is known.
    dim: i64,
}

impl Stateful for CheckedReducer {
    fn save(&self) -> Result<State> {
        self.inner.save()
    }

    fn load(&mut self, state: &State) -> Result<()> {
        self.dim = ANY;
        self.inner.load(state)
    }
}

impl Reducer for CheckedReducer {
    fn fit(&mut self, table: &Tensor, dim: i64) -> Result<Option<Vec<f64>>> {
        let shares = self.inner.fit(table, dim)?;
        let found = shares.as_ref().map(|s| s.len() as i64);
        match found.filter(|found| *found != dim) {
            Some(found) => {
                let text = format!("explained variance: expected {dim} values, found {found}");
                Err(self.by.error("fit", text))
            }
            None => {
                self.dim = dim;
                Ok(shares)
            }
        }
    }

    fn transform(&self, table: &Tensor) -> Result<Tensor> {
        let reduced = self.inner.transform(table)?;
        let shape = [("N", rows(table)), ("dim", self.dim)];
        let device = table.device();
        self.by
            .output("transform", "reduced", &reduced, &shape, device)?;
        Ok(reduced)
    }
}

/// A size that is not known beforehand.
const ANY: i64 = -1;

fn rows(table: &Tensor) -> i64 {
    table.size().first().copied().unwrap_or(ANY)
}

/// Who is to blame: kind, name and origin.
struct By(String);

impl By {
    fn error(&self, method: &str, message: String) -> Error {
        Error::Call {
            component: self.0.clone(),
            method: method.to_owned(),
            message,
        }
    }

    /// Checks that there is a place for each request's answer, and that those that are there fit.
    fn answers(
        &self,
        method: &str,
        requests: &[Request],
        answers: &[Option<&Answer>],
    ) -> Result<()> {
        let (given, asked) = (answers.len(), requests.len());
        if given != asked {
            let text = format!("gave {given} answers to {asked} requests");
            return Err(self.error(method, text));
        }
        for (i, (request, answer)) in requests.iter().zip(answers).enumerate() {
            if let Some(problem) = answer.and_then(|answer| misfit(&request.ask, answer)) {
                return Err(self.error(method, format!("answer {i} {problem}")));
            }
        }
        Ok(())
    }

    /// Checks an output, which is always f32, against shape and device.
    fn output(
        &self,
        method: &str,
        name: &str,
        tensor: &Tensor,
        shape: &[(&str, i64)],
        device: Device,
    ) -> Result<()> {
        let (dtype, found) = (tensor.f_kind(), tensor.size());
        let fits = found.len() == shape.len()
            && found
                .iter()
                .zip(shape)
                .all(|(f, (_, s))| *s == ANY || f == s);
        if !fits || !matches!(dtype, Ok(DType::Float)) {
            let axes: Vec<_> = shape.iter().map(axis).collect();
            let text = format!(
                "output `{name}`: expected f32 [{}], found {} {found:?}",
                axes.join(", "),
                dtype.map_or("an unknown type".to_owned(), dtype_name),
            );
            return Err(self.error(method, text));
        }
        if tensor.device() != device {
            let (is, wanted) = (
                crate::device::name(tensor.device()),
                crate::device::name(device),
            );
            let text = format!("output `{name}`: expected on {wanted}, found on {is}");
            return Err(self.error(method, text));
        }
        Ok(())
    }
}

fn axis((name, size): &(&str, i64)) -> String {
    match *size {
        ANY => (*name).to_owned(),
        size if name.is_empty() => size.to_string(),
        size => format!("{name}={size}"),
    }
}

/// The type's name as the project writes it.
fn dtype_name(dtype: DType) -> String {
    match dtype {
        DType::Float => "f32".to_owned(),
        DType::Double => "f64".to_owned(),
        DType::Half => "f16".to_owned(),
        DType::BFloat16 => "bf16".to_owned(),
        DType::Int64 => "i64".to_owned(),
        DType::Int => "i32".to_owned(),
        DType::Bool => "bool".to_owned(),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
#[path = "checked_test.rs"]
mod tests;
