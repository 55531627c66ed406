//! The component: requests in, answers out.

use std::cell::OnceCell;
use std::path::Path;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use lapidary_sdk::prelude::*;

use crate::differentiable;
use crate::files::{ModelFiles, hex};
use crate::find::{VARIABLE, find};
use crate::generate::{Task, generate};
use crate::likelihood::{Query, likelihoods};
use crate::lora::Adapter;
use crate::model::Llama;
use crate::peft;
use crate::pooled::{Text, pooled};
use crate::tokenizer::TextCodec;

/// Settings of the component `local`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Path of a GGUF file or a Hugging Face folder, or the name of one in a folder of LAPIDARY_MODELS or of the
    /// host's.
    pub model: String,
    /// Type of the numbers to compute with.
    pub dtype: Precision,
    /// Tokens in one forward pass: more need more memory.
    #[schemars(range(min = 1))]
    pub batch_tokens: u32,
    /// Longest prompt with its answer, in tokens; null takes what the model was made for.
    #[schemars(range(min = 1))]
    pub context_length: Option<u32>,
    /// Folder of a LoRA adapter as PEFT stores it: `adapter_config.json` and `adapter_model.safetensors`.
    pub adapter: Option<String>,
}

/// Types of numbers to compute with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 16 bits with 8 for the exponent: faster where the processor has it, answers differ slightly.
    Bf16,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            model: "smollm2-135m-instruct".to_owned(),
            dtype: Precision::F32,
            batch_tokens: 1024,
            context_length: None,
            adapter: None,
        }
    }
}

/// Counts the changes of what the same weights answer; cached answers of another count are not taken.
const ANSWERS: &str = "2";

/// A causal language model on libtorch. The weights are read when the first request comes.
#[derive(Debug)]
pub struct Local {
    files: ModelFiles,
    precision: Precision,
    device: Device,
    batch_tokens: usize,
    context: usize,
    /// Of the model without its adapter.
    fingerprint: OnceCell<String>,
    codec: OnceCell<TextCodec>,
    adapter: Option<Adapter>,
    model: OnceCell<Llama>,
}

impl Component for Local {
    const NAME: &'static str = "local";
    const SUMMARY: &'static str = "Runs a language model (Llama, Qwen or Gemma 3) on libtorch, from a GGUF file or a Hugging Face folder.";
    const OPTIONAL: &'static [u32] = &[
        llm::method::ADAPT,
        llm::method::LOG_LIKELIHOODS,
        llm::method::EMBED,
    ];
    type Settings = Settings;
    type Context = LlmContext;

    fn create(settings: Settings, context: LlmContext) -> Result<Self> {
        if settings.batch_tokens == 0 {
            return Err(Error::invalid("`batch_tokens` must be at least 1"));
        }
        let path = find(
            &settings.model,
            std::env::var_os(VARIABLE),
            &context.model_dirs,
        )?;
        let files = ModelFiles::open(&path)?;
        let made_for = files.config().context;
        let length = settings.context_length.map_or(made_for, i64::from);
        if !(1..=made_for).contains(&length) {
            return Err(Error::invalid(format!(
                "`context_length` {length} is not between 1 and {made_for}, which the model was made for"
            )));
        }
        let device = lapidary_sdk::device(&context.device)?;
        let adapter = settings
            .adapter
            .as_ref()
            .map(|folder| peft::open(Path::new(folder), &files.linear_maps(), device));
        Ok(Self {
            adapter: adapter.transpose()?,
            files,
            precision: settings.dtype,
            device,
            batch_tokens: settings.batch_tokens as usize,
            context: length as usize,
            fingerprint: OnceCell::new(),
            codec: OnceCell::new(),
            model: OnceCell::new(),
        })
    }

    fn save(&self) -> Result<State> {
        Ok(match &self.adapter {
            None => State::default(),
            Some(adapter) => State {
                tensors: adapter.tensors(),
                json: adapter.config().to_json(),
            },
        })
    }

    fn load(&mut self, state: &State) -> Result<()> {
        let adapter = match state.tensors.is_empty() {
            true => None,
            false => {
                let (maps, place) = (self.files.linear_maps(), "the adapter");
                let config = peft::Config::from_json(&state.json)
                    .map_err(|e| Error::invalid(format!("{place}: {e}")))?;
                let made = Adapter::of(config, &state.tensors, &maps, self.device, place);
                Some(made?)
            }
        };
        self.adapter = adapter;
        self.model = OnceCell::new();
        Ok(())
    }
}

impl Llm for Local {
    fn info(&self) -> Result<LlmInfo> {
        Ok(LlmInfo {
            model: self.files.name(),
            fingerprint: self.whole_fingerprint()?,
            context_length: self.context as u64,
            parameters: self.files.parameters(),
            chat: self.codec()?.has_chat(),
        })
    }

    fn answer(&self, requests: &[Request]) -> Result<Vec<Answer>> {
        let mut work = Work::default();
        for (index, request) in requests.iter().enumerate() {
            let prepared = self.prepare(index, request, &mut work);
            prepared.map_err(|e| Request::fault(requests, index, e))?;
        }
        let mut answers: Vec<Option<Answer>> = vec![None; requests.len()];
        tch::no_grad(|| self.run(work, &mut answers))?;
        let finished = answers.into_iter().enumerate().map(|(index, answer)| {
            match answer.ok_or("was left without an answer") {
                Ok(Answer::Likelihood { log_probs, .. })
                    if !log_probs.iter().all(|p| p.is_finite()) =>
                {
                    Err(NOT_FINITE)
                }
                other => other,
            }
            .map_err(|reason| Request::fault(requests, index, reason))
        });
        finished.collect()
    }

    fn adapt(&mut self, settings: &LoraSettings) -> Result<Vec<(String, Tensor)>> {
        if self.adapter.is_some() {
            return Err(Error::invalid(
                "the model has an adapter already; a new one is trained on the model without",
            ));
        }
        let (maps, name) = (self.files.linear_maps(), self.files.name());
        let adapter = Adapter::new(settings, &name, &maps, self.device)?;
        let parameters = adapter.tensors();
        self.adapter = Some(adapter);
        self.model = OnceCell::new();
        Ok(parameters)
    }

    fn log_likelihoods(&self, requests: &[Request]) -> Result<LogLikelihoods> {
        let mut work = Work::default();
        for (index, request) in requests.iter().enumerate() {
            if let Ask::Complete { .. } = &request.ask {
                let reason = "asks for a written answer, which has no gradient";
                return Err(Request::fault(requests, index, reason));
            }
            let prepared = self.prepare(index, request, &mut work);
            prepared.map_err(|e| Request::fault(requests, index, e))?;
        }
        let continuations = work.queries.iter().flat_map(|q| &q.continuations);
        Ok(LogLikelihoods {
            tokens: continuations.map(|c| c.len() as u32).collect(),
            log_probs: differentiable::log_likelihoods(
                self.model()?,
                &work.queries,
                self.batch_tokens,
            )?,
        })
    }

    fn embed(&self, texts: &[String], settings: &EmbedSettings) -> Result<Tensor> {
        let layers = self.files.config().layers;
        let layer = settings.layer.map_or(layers, |layer| layer as usize);
        if layer > layers {
            return Err(Error::invalid(format!(
                "`layer` {layer}: {} has {layers} layers; 0 is before the first",
                self.files.name()
            )));
        }
        let longest = self.context.min(settings.max_tokens as usize);
        if longest == 0 {
            return Err(Error::invalid("`max_tokens` must be at least 1"));
        }
        let codec = self.codec()?;
        let read = |text: &String| {
            let mut tokens = codec.prompt_tokens(&codec.prompt(&Prompt::Text(text.clone()))?)?;
            tokens.truncate(longest);
            let lead = codec.lead();
            Ok(Text { tokens, lead })
        };
        let texts = texts.iter().map(read).collect::<Result<Vec<_>>>()?;
        let (pooling, batch) = (settings.pooling, self.batch_tokens);
        tch::no_grad(|| pooled(self.model()?, &texts, layer, pooling, batch))
    }
}

/// Requests as tokens, each with its place in the batch.
#[derive(Default)]
struct Work {
    query_places: Vec<usize>,
    queries: Vec<Query>,
    task_places: Vec<usize>,
    tasks: Vec<Task>,
}

impl Local {
    fn codec(&self) -> Result<&TextCodec> {
        once(&self.codec, || self.files.codec())
    }

    fn model(&self) -> Result<&Llama> {
        let kind = match self.precision {
            Precision::F32 => DType::Float,
            Precision::Bf16 => DType::BFloat16,
        };
        let read = || self.files.adapted(kind, self.device, self.adapter.as_ref());
        once(&self.model, read)
    }

    /// That of the model and its adapter, whose values may change between calls.
    fn whole_fingerprint(&self) -> Result<String> {
        let model = once(&self.fingerprint, || self.compute_fingerprint())?;
        let Some(adapter) = &self.adapter else {
            return Ok(model.clone());
        };
        let both = format!("{model} {}", adapter.sha256()?);
        Ok(hex(&Sha256::digest(both)))
    }

    /// Everything that answers depend on but the request and the adapter.
    fn compute_fingerprint(&self) -> Result<String> {
        let mut hash = Sha256::new();
        let parts = [
            env!("CARGO_PKG_NAME").to_owned(),
            ANSWERS.to_owned(),
            self.files.sha256()?,
            format!("{:?}", self.precision),
        ];
        parts
            .iter()
            .for_each(|p| hash.update(format!("{}:{p}", p.len())));
        Ok(hex(&hash.finalize()))
    }

    fn prepare(&self, index: usize, request: &Request, work: &mut Work) -> Result<()> {
        let codec = self.codec()?;
        let text = codec.prompt(&request.prompt)?;
        let prompt = codec.prompt_tokens(&text)?;
        match &request.ask {
            Ask::Likelihood { continuations } => {
                let continuations = continuations
                    .iter()
                    .map(|c| codec.continuation_tokens(&text, &prompt, c))
                    .collect::<Result<Vec<_>>>()?;
                let longest = continuations.iter().map(Vec::len).max().unwrap_or(0);
                self.check_length(prompt.len(), longest)?;
                work.query_places.push(index);
                work.queries.push(Query {
                    prefix: prompt,
                    continuations,
                });
            }
            Ask::Complete {
                max_tokens,
                stop,
                temperature,
                seed,
                schema: _,
            } => {
                if !(temperature.is_finite() && *temperature >= 0.0) {
                    return Err(Error::invalid(format!(
                        "temperature {temperature} must be 0 or above"
                    )));
                }
                let max_tokens = *max_tokens as usize;
                self.check_length(prompt.len(), max_tokens)?;
                let (stop, temperature, seed) = (stop.clone(), *temperature, *seed);
                work.task_places.push(index);
                work.tasks.push(Task {
                    prompt,
                    max_tokens,
                    stop,
                    temperature,
                    seed,
                });
            }
        }
        Ok(())
    }

    fn check_length(&self, prompt: usize, answer: usize) -> Result<()> {
        match prompt.saturating_add(answer) <= self.context {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "the prompt has {prompt} tokens and its answer up to {answer}; the context holds {}",
                self.context
            ))),
        }
    }

    fn run(&self, work: Work, answers: &mut [Option<Answer>]) -> Result<()> {
        let mut put = |place: usize, answer: Answer| {
            if let Some(slot) = answers.get_mut(place) {
                *slot = Some(answer);
            }
        };
        if !work.queries.is_empty() {
            let sums = likelihoods(self.model()?, &work.queries, self.batch_tokens)?;
            for ((place, query), log_probs) in
                work.query_places.into_iter().zip(&work.queries).zip(sums)
            {
                let tokens = query.continuations.iter().map(|c| c.len() as u32).collect();
                put(place, Answer::Likelihood { log_probs, tokens });
            }
        }
        if !work.tasks.is_empty() {
            let texts = generate(self.model()?, self.codec()?, &work.tasks, self.batch_tokens)?;
            for (place, text) in work.task_places.into_iter().zip(texts) {
                put(place, Answer::Text(text));
            }
        }
        Ok(())
    }
}

/// The cell's value, computed where it is still empty.
fn once<T>(cell: &OnceCell<T>, compute: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = compute()?;
    Ok(cell.get_or_init(|| value))
}

const NOT_FINITE: &str = "a likelihood is no finite number: the weights are damaged, or too large for bf16; try `dtype = \"f32\"`, or fetch the model again";

lapidary_sdk::register!(llm: Local);
