//! A server on loopback that speaks the protocol, and fails as told.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod model;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use lapidary_llm_openai::{OpenAi, Settings};
use lapidary_sdk::prelude::*;
use serde_json::Value;

/// A call as the server saw it.
#[derive(Clone, Debug)]
pub struct Call {
    pub path: String,
    /// `Name: value`, as sent.
    pub headers: Vec<String>,
    pub body: Value,
}

/// What the server does with a call.
pub enum Act {
    /// Replies as the model says.
    Reply,
    /// Replies as the model says, changed.
    Changed(Box<dyn Fn(&mut Value) + Send>),
    /// Replies with this status, these further header lines and this body.
    Status(u16, &'static str, String),
    /// Says nothing until the client goes away.
    Hang,
    /// Breaks the connection off.
    Die,
}

pub struct TestServer {
    pub url: String,
    calls: Arc<Mutex<Vec<Call>>>,
    now: Arc<AtomicUsize>,
    peak: Arc<AtomicUsize>,
}

impl TestServer {
    /// Serves until the test program ends. `act` hears the number of the call, from 0, and the call.
    pub fn start(act: impl Fn(usize, &Call) -> Act + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            url: format!("http://{}/v1", listener.local_addr().unwrap()),
            calls: Arc::default(),
            now: Arc::default(),
            peak: Arc::default(),
        };
        let (calls, now, peak) = (
            server.calls.clone(),
            server.now.clone(),
            server.peak.clone(),
        );
        let act = Arc::new(act);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (calls, act) = (calls.clone(), act.clone());
                let (now, peak) = (now.clone(), peak.clone());
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    let Some(call) = read(&mut stream) else {
                        return;
                    };
                    peak.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    let number = {
                        let mut calls = calls.lock().unwrap();
                        calls.push(call.clone());
                        calls.len() - 1
                    };
                    let act = act(number, &call);
                    now.fetch_sub(1, Ordering::SeqCst);
                    reply(&mut stream, act, &call);
                });
            }
        });
        server
    }

    /// Replies as the model says, always.
    pub fn kind() -> Self {
        Self::start(|_, _| Act::Reply)
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// The most calls that were there at a time.
    pub fn peak(&self) -> usize {
        self.peak.load(Ordering::SeqCst)
    }

    pub fn settings(&self) -> Settings {
        Settings {
            base_url: self.url.clone(),
            model: "tiny".to_owned(),
            key_env: "LAPIDARY_UNSET_API_KEY".to_owned(),
            timeout_s: 20,
            ..Settings::default()
        }
    }

    pub fn llm(&self, change: impl FnOnce(&mut Settings)) -> OpenAi {
        let mut settings = self.settings();
        change(&mut settings);
        make(settings).unwrap()
    }
}

pub fn make(settings: Settings) -> Result<OpenAi> {
    let context = LlmContext {
        device: "cpu".to_owned(),
        model_dirs: Vec::new(),
    };
    OpenAi::create(settings, context)
}

pub fn failure(status: u16, message: &str) -> Act {
    let body = serde_json::json!({ "error": { "message": message } });
    Act::Status(status, "", body.to_string())
}

fn read(stream: &mut TcpStream) -> Option<Call> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let length = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().unwrap())
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    let path = lines.first()?.split(' ').nth(1)?.to_owned();
    let body = serde_json::from_slice(&body).ok()?;
    Some(Call {
        path,
        headers: lines.split_off(1),
        body,
    })
}

fn reply(stream: &mut TcpStream, act: Act, call: &Call) {
    let (status, headers, body) = match act {
        Act::Reply => (200, "", model::reply(call).to_string()),
        Act::Changed(change) => {
            let mut reply = model::reply(call);
            change(&mut reply);
            (200, "", reply.to_string())
        }
        Act::Status(status, headers, body) => (status, headers, body),
        Act::Hang => {
            let _ = stream.read(&mut [0]);
            return;
        }
        Act::Die => return,
    };
    let text = format!(
        "HTTP/1.1 {status} Said So\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\
         {headers}\r\n{body}",
        body.len()
    );
    let _ = stream.write_all(text.as_bytes());
}

pub fn text(prompt: &str) -> Prompt {
    Prompt::Text(prompt.to_owned())
}

pub fn user(content: &str, answer_start: &str) -> Prompt {
    Prompt::Chat {
        messages: vec![Message {
            role: Role::User,
            content: content.to_owned(),
        }],
        answer_start: answer_start.to_owned(),
    }
}

pub fn likelihood(prompt: Prompt, continuations: &[&str]) -> Request {
    Request {
        prompt,
        ask: Ask::Likelihood {
            continuations: continuations.iter().map(|&c| c.to_owned()).collect(),
        },
    }
}

pub fn complete(prompt: Prompt, max_tokens: u32) -> Request {
    Request {
        prompt,
        ask: Ask::Complete {
            max_tokens,
            stop: Vec::new(),
            temperature: 0.0,
            seed: 0,
            schema: None,
        },
    }
}

/// What a model fails with.
pub fn error(llm: &OpenAi, request: Request) -> String {
    llm.answer(&[request]).unwrap_err().to_string()
}
