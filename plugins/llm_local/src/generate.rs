//! Writes answers token by token, several prompts at once, on cached keys and values.

use rand::Rng;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use lapidary_sdk::host;
use lapidary_sdk::prelude::*;

use crate::cache::{Cache, Past};
use crate::model::Llama;
use crate::tokenizer::TextCodec;
use crate::tree::{Batch, Before, Tree};

/// A prompt, and how its answer is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Tokens of the prompt, at least one.
    pub prompt: Vec<i64>,
    /// Most tokens to write.
    pub max_tokens: usize,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// 0 takes the likeliest token each time.
    pub temperature: f64,
    /// Seed of the choice when the temperature is not 0.
    pub seed: u64,
}

/// A cache may hold this many times the tokens of one forward pass.
const CACHE_PASSES: usize = 8;

/// An answer in the making.
struct Writing<'a> {
    /// Its place among the tasks.
    index: usize,
    task: &'a Task,
    tokens: Vec<i64>,
    text: String,
    choice: ChaCha8Rng,
    /// Cache slots to the left of its prompt.
    padding: usize,
}

/// The answers to all tasks, in their order.
///
/// # Errors
/// When the model fails or the user asks to stop.
pub fn generate(
    model: &Llama,
    codec: &TextCodec,
    tasks: &[Task],
    batch_tokens: usize,
) -> Result<Vec<String>> {
    let mut order: Vec<(usize, &Task)> = tasks.iter().enumerate().collect();
    order.sort_by_key(|(_, task)| std::cmp::Reverse(task.prompt.len()));
    let mut answers = vec![String::new(); tasks.len()];
    let mut rest = order.as_slice();
    while !rest.is_empty() {
        let (batch, later) = rest.split_at(batch_size(rest, batch_tokens));
        let done = tasks.len() - rest.len();
        let report = |ended: usize| progress(done + ended, tasks.len());
        for (index, text) in write(model, codec, batch, &report)? {
            if let Some(answer) = answers.get_mut(index) {
                *answer = text;
            }
        }
        rest = later;
    }
    Ok(answers)
}

fn progress(done: usize, total: usize) -> Result<()> {
    host::progress("language model", done as u64, total as u64)
}

/// How many of the tasks, longest prompt first, are written together.
fn batch_size(tasks: &[(usize, &Task)], batch_tokens: usize) -> usize {
    let longest = tasks.first().map_or(0, |(_, t)| t.prompt.len());
    let (mut prompts, mut answer) = (0, 0);
    let fitting = tasks.iter().zip(1..).take_while(|((_, task), rows)| {
        prompts += task.prompt.len();
        answer = answer.max(task.max_tokens);
        prompts <= batch_tokens && rows * (longest + answer) <= CACHE_PASSES * batch_tokens
    });
    fitting.count().max(1)
}

/// Writes answers together; `report` hears before each step how many are finished.
fn write(
    model: &Llama,
    codec: &TextCodec,
    tasks: &[(usize, &Task)],
    report: &dyn Fn(usize) -> Result<()>,
) -> Result<Vec<(usize, String)>> {
    let (kind, device) = (model.kind(), model.device());
    let longest = tasks.iter().map(|(_, t)| t.prompt.len()).max().unwrap_or(0);
    let answer = tasks.iter().map(|(_, t)| t.max_tokens).max().unwrap_or(0);
    let mut cache = Cache::new(model.config(), tasks.len(), longest + answer, kind, device)?;
    let mut open: Vec<Writing> = tasks
        .iter()
        .map(|(i, task)| Writing::new(*i, task, longest))
        .collect();
    let prompts: Vec<Tree> = tasks.iter().map(|(_, t)| Tree::chain(&t.prompt)).collect();
    let batch = Batch::new(
        &prompts.iter().collect::<Vec<_>>(),
        &Before::default(),
        kind,
        device,
    )?;
    let ends: Vec<i64> = prompts
        .iter()
        .scan(-1, |end, prompt| {
            *end += prompt.len() as i64;
            Some(*end)
        })
        .collect();
    let ends = Tensor::f_from_slice(&ends)?.f_to_device(device)?;
    let mut states = model.hidden_at(&batch, Past::Growing(&mut cache), &ends)?;
    let mut done = Vec::new();
    loop {
        let logits = model.logits(&states)?;
        let mut kept = Vec::new();
        for (row, (writing, token)) in open.iter_mut().zip(choose(&logits)?).enumerate() {
            if writing.take(codec, &logits, row, token)? {
                kept.push(row as i64);
            }
        }
        let (next, ended): (Vec<_>, Vec<_>) = open
            .into_iter()
            .enumerate()
            .partition(|(row, _)| kept.contains(&(*row as i64)));
        done.extend(ended.into_iter().map(|(_, w)| (w.index, w.text)));
        if next.is_empty() {
            return Ok(done);
        }
        if kept.len() < logits.size2()?.0 as usize {
            cache.keep(&Tensor::f_from_slice(&kept)?.f_to_device(device)?)?;
        }
        open = next.into_iter().map(|(_, w)| w).collect();
        states = step(model, &open, &mut cache)?;
        report(done.len())?;
    }
}

/// Hidden states `[B,d]` after the last token of each answer.
fn step(model: &Llama, open: &[Writing], cache: &mut Cache) -> Result<Tensor> {
    let last = |w: &Writing| w.tokens.last().copied().unwrap_or_default();
    let trees: Vec<Tree> = open.iter().map(|w| Tree::chain(&[last(w)])).collect();
    let hidden = open.iter().map(|w| w.padding).collect();
    let before = Before {
        slots: cache.used(),
        hidden,
    };
    let trees: Vec<&Tree> = trees.iter().collect();
    let batch = Batch::new(&trees, &before, model.kind(), model.device())?;
    model.hidden(&batch, Past::Growing(cache))
}

/// The likeliest token of each row.
fn choose(logits: &Tensor) -> Result<Vec<i64>> {
    Ok(Vec::<i64>::try_from(logits.f_argmax(-1, false)?)?)
}

impl<'a> Writing<'a> {
    fn new(index: usize, task: &'a Task, longest: usize) -> Self {
        Self {
            index,
            task,
            tokens: Vec::new(),
            text: String::new(),
            choice: ChaCha8Rng::seed_from_u64(task.seed),
            padding: longest.saturating_sub(task.prompt.len()),
        }
    }

    /// Adds the next token; tells whether the answer goes on.
    fn take(
        &mut self,
        codec: &TextCodec,
        logits: &Tensor,
        row: usize,
        likeliest: i64,
    ) -> Result<bool> {
        if self.task.max_tokens == 0 {
            return Ok(false);
        }
        let token = match self.task.temperature > 0.0 {
            true => self.sample(&logits.f_get(row as i64)?)?,
            false => likeliest,
        };
        if codec.is_end(token) {
            return self.end(codec);
        }
        self.tokens.push(token);
        if self.task.stop.is_empty() {
            return if self.tokens.len() < self.task.max_tokens {
                Ok(true)
            } else {
                self.end(codec)
            };
        }
        let _unfinished = self.end(codec)?;
        let stop = self
            .task
            .stop
            .iter()
            .filter(|s| !s.is_empty())
            .filter_map(|s| self.text.find(s));
        if let Some(at) = stop.min() {
            self.text.truncate(at);
            return Ok(false);
        }
        Ok(self.tokens.len() < self.task.max_tokens)
    }

    /// Writes the text so far.
    fn end(&mut self, codec: &TextCodec) -> Result<bool> {
        self.text = codec.decode(&self.tokens)?;
        Ok(false)
    }

    /// Draws a token by its probability.
    fn sample(&mut self, logits: &Tensor) -> Result<i64> {
        let scaled = logits
            .f_to_kind(DType::Double)?
            .f_div_scalar(self.task.temperature)?;
        let probabilities = Vec::<f64>::try_from(scaled.f_softmax(-1, None)?)?;
        let mut left: f64 = self.choice.random();
        let drawn = probabilities.iter().position(|p| {
            left -= p;
            left < 0.0
        });
        let likeliest = || {
            probabilities
                .iter()
                .enumerate()
                .max_by(|a, b| a.1.total_cmp(b.1))
                .map(|(i, _)| i)
        };
        Ok(drawn.or_else(likeliest).unwrap_or_default() as i64)
    }
}
