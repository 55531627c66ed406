//! Asking about many subjects: only what the cache does not know, in batches, each kept as it comes.

use std::collections::HashSet;
use std::ops::Range;

use lapidary_sdk::kinds::{
    Answer, Answers, AttributeSet, ItemText, Llm, Problem, PromptStrategy, Reading, Request,
    Subject,
};

use super::cache::{Asker, Cache, Key};
use super::scores::Tally;
use crate::error::{Error, Result};
use crate::interrupt;
use crate::progress::{self, Stage};

const NAMED_PROBLEMS: usize = 5;
/// Batches that wait together, sorted by what the model reads: prompts that begin alike get into the same one.
const SORTED_BATCHES: usize = 16;

/// One run of questions and answers.
pub(super) struct Asking<'a> {
    pub llm: &'a dyn Llm,
    pub strategy: &'a dyn PromptStrategy,
    pub cache: &'a Cache,
    pub asker: Asker,
    pub batch: usize,
}

/// Raw measurements, `[N,r]` row by row; NaN where something could not be read.
pub(super) struct Measured {
    pub values: Vec<f32>,
    pub width: usize,
    pub tally: Tally,
}

/// Requests that wait to be asked, each once.
#[derive(Default)]
struct Waiting {
    requests: Vec<(Key, Request)>,
    known: HashSet<Key>,
}

impl Asking<'_> {
    /// Measures `n` subjects. `subject` gives none for one about whom there is nothing to ask.
    pub(super) fn measure(
        &self,
        what: &str,
        n: usize,
        subject: &dyn Fn(usize) -> Option<Subject>,
    ) -> Result<Measured> {
        let mut tally = Tally::default();
        let keys = self.ask_all(what, n, subject, &mut tally)?;
        let mut rows = Vec::with_capacity(n);
        for (i, keys) in keys.iter().enumerate() {
            interrupt::check()?;
            let reading = match subject(i) {
                Some(subject) => Some(self.read(&subject, keys, &mut tally)?),
                None => None,
            };
            rows.push(reading);
        }
        pack(&rows, tally)
    }

    fn ask_all(
        &self,
        what: &str,
        n: usize,
        subject: &dyn Fn(usize) -> Option<Subject>,
        tally: &mut Tally,
    ) -> Result<Vec<Vec<Key>>> {
        let stage = progress::begin(what, n as u64);
        let (mut waiting, mut all) = (Waiting::default(), Vec::with_capacity(n));
        let mut asked_until = 0;
        for i in 0..n {
            let mut keys = Vec::new();
            if let Some(subject) = subject(i) {
                tally.subjects += 1;
                let requests = self.strategy.requests(&subject);
                for request in requests.map_err(Error::component("prompt strategy", "requests"))? {
                    let key = self.asker.key(&request)?;
                    self.enqueue(request, &key, &mut waiting, tally)?;
                    keys.push(key);
                }
            }
            all.push(keys);
            if waiting.requests.len() >= self.batch.saturating_mul(SORTED_BATCHES) {
                self.flush(&mut waiting, asked_until..i + 1, &stage, tally)?;
            }
            if waiting.requests.is_empty() {
                asked_until = i + 1;
            }
            if i % 64 == 0 {
                interrupt::check()?;
                report(&stage, asked_until, tally);
            }
        }
        self.flush(&mut waiting, asked_until..n, &stage, tally)?;
        report(&stage, n, tally);
        Ok(all)
    }

    fn enqueue(
        &self,
        request: Request,
        key: &Key,
        waiting: &mut Waiting,
        tally: &mut Tally,
    ) -> Result<()> {
        if waiting.known.contains(key) || self.cache.get(key)?.is_some() {
            tally.cached += 1;
            return Ok(());
        }
        waiting.known.insert(key.clone());
        waiting.requests.push((key.clone(), request));
        Ok(())
    }

    /// Asks all that waits about some subjects, in batches of prompts that begin alike, and keeps each batch's answers as
    /// they come.
    fn flush(
        &self,
        waiting: &mut Waiting,
        subjects: Range<usize>,
        stage: &Stage,
        tally: &mut Tally,
    ) -> Result<()> {
        let mut all = std::mem::take(waiting).requests;
        all.sort_by(|a, b| a.1.prompt.cmp(&b.1.prompt));
        let total = all.len();
        while !all.is_empty() {
            interrupt::check()?;
            let batch = all.drain(..self.batch.min(all.len())).collect();
            self.ask(batch, tally)?;
            let asked = subjects.len() * (total - all.len()) / total;
            report(stage, subjects.start + asked, tally);
        }
        Ok(())
    }

    /// Asks one batch, but for what another process was answered meanwhile, and keeps its answers; those that came before
    /// a failure too.
    fn ask(&self, batch: Vec<(Key, Request)>, tally: &mut Tally) -> Result<()> {
        let (mut keys, mut requests) = (Vec::new(), Vec::new());
        for (key, request) in batch {
            match self.cache.get(&key)? {
                Some(_) => tally.cached += 1,
                None => {
                    keys.push(key);
                    requests.push(request);
                }
            }
        }
        if requests.is_empty() {
            return Ok(());
        }
        let answers = self.llm.answer_some(&requests);
        let Answers { answers, error } = answers.map_err(Error::component("llm", "answer"))?;
        let given = keys.iter().zip(&answers);
        self.cache
            .put(given.filter_map(|(key, answer)| Some((key, answer.as_ref()?))))?;
        if let Some(message) = error {
            interrupt::check()?;
            return Err(fault("llm", "answer", message));
        }
        tally.asked += keys.len() as u64;
        Ok(())
    }

    fn read(&self, subject: &Subject, keys: &[Key], tally: &mut Tally) -> Result<Reading> {
        let mut answers: Vec<Answer> = Vec::with_capacity(keys.len());
        for key in keys {
            let answer = self.cache.get(key)?;
            answers.push(answer.ok_or_else(|| {
                fault(
                    "llm",
                    "answer",
                    "an answer vanished from the cache; run again".to_owned(),
                )
            })?);
        }
        let reading = self.strategy.read(subject, &answers);
        let reading = reading.map_err(Error::component("prompt strategy", "read"))?;
        tally.repaired += u64::from(reading.repaired);
        tally.unread += u64::from(!reading.problems.is_empty());
        for problem in &reading.problems {
            *tally.by_kind.entry(problem.kind).or_default() += 1;
        }
        if !reading.problems.is_empty() && tally.problems.len() < NAMED_PROBLEMS {
            let texts: Vec<_> = reading.problems.iter().map(Problem::to_string).collect();
            let problem = format!("{}: {}", title(subject), texts.join("; "));
            tally.problems.push(problem);
        }
        Ok(reading)
    }
}

/// The answer to one request of that sort, asked only where the cache does not know it.
///
/// # Errors
/// When the model fails or the cache cannot be used.
pub fn answer_once(
    llm: &dyn Llm,
    cache: &Cache,
    sort: &str,
    set: &AttributeSet,
    request: Request,
) -> Result<Answer> {
    let info = llm.info().map_err(Error::component("llm", "info"))?;
    let key = Asker::new(&info, sort, set)?.key(&request)?;
    if let Some(known) = cache.get(&key)? {
        return Ok(known);
    }
    let answers = llm.answer(&[request]);
    let answers = answers.map_err(Error::component("llm", "answer"))?;
    let answer = answers.into_iter().next();
    let none = || fault("llm", "answer", "gave no answer".to_owned());
    let answer = answer.ok_or_else(none)?;
    cache.put([(&key, &answer)])?;
    Ok(answer)
}

fn report(stage: &Stage, done: usize, tally: &Tally) {
    stage.update(
        done as u64,
        &format!("{} asked, {} known", tally.asked, tally.cached),
    );
}

/// Puts readings into rows of equal width.
fn pack(rows: &[Option<Reading>], tally: Tally) -> Result<Measured> {
    let width = rows.iter().flatten().next().map_or(0, |r| r.values.len());
    let mut values = Vec::with_capacity(rows.len() * width);
    for row in rows {
        match row {
            None => values.extend(std::iter::repeat_n(f32::NAN, width)),
            Some(row) if row.values.len() == width => {
                let finite = |v: &Option<f32>| v.filter(|v| v.is_finite()).unwrap_or(f32::NAN);
                values.extend(row.values.iter().map(finite));
            }
            Some(row) => {
                let text = format!("readings of {width} and {} values", row.values.len());
                return Err(fault("prompt strategy", "read", text));
            }
        }
    }
    Ok(Measured {
        values,
        width,
        tally,
    })
}

fn title(subject: &Subject) -> String {
    let quoted = |item: &ItemText| format!("“{}”", item.title);
    match subject {
        Subject::Item(item) => quoted(item),
        Subject::User(items) => match items.last() {
            Some(last) => format!("a user of {} items, last {}", items.len(), quoted(last)),
            None => "a user without items".to_owned(),
        },
    }
}

pub(super) fn fault(component: &str, method: &str, message: String) -> Error {
    Error::Component {
        component: component.to_owned(),
        method: method.to_owned(),
        message,
    }
}
