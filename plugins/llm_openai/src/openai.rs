//! The component: batches of requests in, answers out, some calls at a time.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};

use lapidary_sdk::host;
use lapidary_sdk::kinds::llm::method;
use lapidary_sdk::prelude::*;

use crate::complete::Manner;
use crate::retry::Stop;
use crate::server::Server;
use crate::settings::Settings;

/// A language model behind an OpenAI-compatible server.
#[derive(Debug)]
pub struct OpenAi {
    server: Server,
    learned: Learned,
}

/// What the server was found to do.
#[derive(Debug, Default)]
pub struct Learned {
    checked: Mutex<bool>,
    tokens: Mutex<HashMap<String, Vec<String>>>,
}

/// Asks the server on behalf of one batch.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    pub(crate) server: &'a Server,
    pub(crate) learned: &'a Learned,
    pub(crate) stop: &'a Stop,
}

impl Component for OpenAi {
    const NAME: &'static str = "openai";
    const SUMMARY: &'static str = "Asks a language model behind any OpenAI-compatible server: vLLM, llama.cpp, Ollama, hosted ones.";
    const OPTIONAL: &'static [u32] = &[method::ANSWER_SOME];
    type Settings = Settings;
    type Context = LlmContext;

    fn create(settings: Settings, _: LlmContext) -> Result<Self> {
        Ok(Self {
            server: Server::new(settings)?,
            learned: Learned::default(),
        })
    }
}

impl Llm for OpenAi {
    fn info(&self) -> Result<LlmInfo> {
        Ok(LlmInfo {
            model: self.server.settings.model.clone(),
            fingerprint: self.server.settings.fingerprint(),
            context_length: 0,
            parameters: 0,
            chat: true,
        })
    }

    fn answer(&self, requests: &[Request]) -> Result<Vec<Answer>> {
        let Answers { answers, error } = self.answer_some(requests)?;
        match error {
            Some(text) => Err(Error::invalid(text)),
            None => Ok(answers.into_iter().flatten().collect()),
        }
    }

    fn answer_some(&self, requests: &[Request]) -> Result<Answers> {
        let (stop, next) = (Stop::default(), AtomicUsize::new(0));
        let asking = Asking {
            server: &self.server,
            learned: &self.learned,
            stop: &stop,
        };
        let threads = (self.server.settings.concurrency as usize).min(requests.len());
        let (sender, outcomes) = mpsc::channel();
        let mut answers = vec![None; requests.len()];
        let mut error = None;
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || asking.work(requests, next, &sender));
            }
            drop(sender);
            for (done, (index, outcome)) in (1..).zip(outcomes) {
                let answer = outcome.map_err(|e| named(requests, index, e));
                let told = host::progress("language model", done, requests.len() as u64);
                match (answer, answers.get_mut(index)) {
                    (Ok(answer), Some(place)) => *place = Some(answer),
                    (Ok(_), None) => {}
                    (Err(e), _) => error = error.take().or(Some(e)),
                }
                if let Err(e) = told {
                    error = error.take().or(Some(e));
                }
                if error.is_some() {
                    stop.set();
                }
            }
        });
        Ok(Answers {
            answers,
            error: error.map(|e| e.to_string()),
        })
    }
}

impl Asking<'_> {
    /// Answers one request after the other, as long as there are some that nobody has taken.
    fn work(
        &self,
        requests: &[Request],
        next: &AtomicUsize,
        outcomes: &mpsc::Sender<(usize, Result<Answer>)>,
    ) {
        while self.stop.check().is_ok() {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(request) = requests.get(index) else {
                return;
            };
            let outcome = self.answer(request);
            let failed = outcome.is_err();
            let heard = outcomes.send((index, outcome));
            // The cause first: whoever stops because of it says so after it.
            if failed || heard.is_err() {
                self.stop.set();
            }
        }
    }

    fn answer(&self, request: &Request) -> Result<Answer> {
        match &request.ask {
            Ask::Likelihood { continuations } => self.likelihoods(&request.prompt, continuations),
            Ask::Complete {
                max_tokens,
                stop,
                temperature,
                seed,
                schema,
            } => {
                let manner = Manner {
                    max_tokens: *max_tokens,
                    stop,
                    temperature: *temperature,
                    seed: *seed,
                    schema: schema.as_ref(),
                };
                Ok(Answer::Text(self.complete(&request.prompt, &manner)?))
            }
        }
    }
}

impl Learned {
    /// Runs a check of the server until it is passed once.
    pub(crate) fn once(&self, check: impl FnOnce() -> Result<()>) -> Result<()> {
        let mut passed = lock(&self.checked);
        if !*passed {
            check()?;
            *passed = true;
        }
        Ok(())
    }

    /// The tokens of a continuation, where they are known.
    pub(crate) fn tokens(&self, continuation: &str) -> Option<Vec<String>> {
        lock(&self.tokens).get(continuation).cloned()
    }

    /// Remembers the tokens of a continuation.
    pub(crate) fn keep_tokens(&self, continuation: &str, tokens: &[String]) {
        lock(&self.tokens).insert(continuation.to_owned(), tokens.to_vec());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An error with the request that it concerns, where it concerns one.
fn named(requests: &[Request], index: usize, error: Error) -> Error {
    match error {
        Error::Interrupted => error,
        other => Request::fault(requests, index, other),
    }
}

lapidary_sdk::register!(llm: OpenAi);
