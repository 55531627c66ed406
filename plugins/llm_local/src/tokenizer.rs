//! Text to tokens and back, for prompts and what follows them.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value as Json;
use tokenizers::Tokenizer;

use lapidary_sdk::prelude::*;

use crate::chat::ChatTemplate;
use crate::folder::Folder;
use crate::gguf::Gguf;
use crate::gguf_tokenizer::tokenizer_json;

/// A model's tokenizer, its special tokens and its chat template.
#[derive(Debug)]
pub struct TextCodec {
    tokenizer: Tokenizer,
    /// Tokens that stand before every plain text.
    lead: Vec<i64>,
    bos: Option<i64>,
    ends: Vec<i64>,
    chat: Option<ChatTemplate>,
    /// The same tokenizer, to which special tokens are text as any other.
    plain: Tokenizer,
    /// Special tokens and their texts, longest first.
    special: Vec<(String, i64)>,
    /// What special tokens begin with.
    openers: BTreeSet<char>,
}

/// Stands within what looks like a special token and is none, until it is encoded. A noncharacter, which no text holds.
const CUT: char = '\u{fdd0}';

/// A prompt as text, and whether the model's leading tokens belong before it.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptText {
    /// The text.
    pub text: String,
    /// A chat template writes the leading tokens itself; plain text gets them here.
    pub plain: bool,
}

impl TextCodec {
    /// From the metadata of a GGUF file.
    ///
    /// # Errors
    /// When the tokenizer is of an unknown sort or the metadata contradict each other.
    pub fn from_gguf(file: &Gguf) -> Result<Self> {
        let json = serde_json::to_vec(&tokenizer_json(file)?).map_err(Error::json("tokenizer"))?;
        let tokenizer =
            Tokenizer::from_bytes(json).map_err(|e| file.fault(format!("tokenizer: {e}")))?;
        let id = |key: &str| file.int(&format!("tokenizer.ggml.{key}_token_id"));
        let (bos, eos) = (id("bos")?, id("eos")?);
        let ends = [eos, id("eot")?, id("eom")?]
            .into_iter()
            .flatten()
            .collect();
        let word = |id: Option<i64>| {
            id.and_then(|id| token_text(&tokenizer, id))
                .unwrap_or_default()
        };
        let template = file.text("tokenizer.chat_template")?;
        let chat = template
            .map(|t| ChatTemplate::new(t, &word(bos), &word(eos)))
            .transpose()?;
        Self::new(tokenizer, bos, ends, chat)
    }

    /// From `tokenizer.json`, `tokenizer_config.json`, `chat_template.jinja`, `generation_config.json` and
    /// `config.json` of a model folder; only the first has to be there.
    ///
    /// # Errors
    /// When a file is missing or cannot be used.
    pub fn from_folder(folder: &Folder) -> Result<Self> {
        let path = folder.path().join("tokenizer.json");
        let bytes = std::fs::read(&path).map_err(Error::io(&path))?;
        let tokenizer = Tokenizer::from_bytes(bytes)
            .map_err(|e| Error::invalid(format!("{}: {e}", path.display())))?;
        let config = folder.json("tokenizer_config.json")?.unwrap_or_default();
        let word = |key: &str| special_text(&config[key]).unwrap_or_default().to_owned();
        let (bos, eos) = (word("bos_token"), word("eos_token"));
        let id = |token: &str| tokenizer.token_to_id(token).map(i64::from);
        let mut ends: Vec<i64> = id(&eos).into_iter().collect();
        for name in ["generation_config.json", "config.json"] {
            let json = folder.json(name)?.unwrap_or_default();
            ends.extend(ids(&json["eos_token_id"]));
        }
        ends.sort_unstable();
        ends.dedup();
        let beside = read_text(&folder.path().join("chat_template.jinja"))?;
        let template = beside
            .as_deref()
            .or_else(|| ChatTemplate::from_config(&config));
        let chat = template
            .map(|t| ChatTemplate::new(t, &bos, &eos))
            .transpose()?;
        let bos = id(&bos);
        Self::new(tokenizer, bos, ends, chat)
    }

    fn new(
        mut tokenizer: Tokenizer,
        bos: Option<i64>,
        ends: Vec<i64>,
        chat: Option<ChatTemplate>,
    ) -> Result<Self> {
        tokenizer.with_padding(None);
        tokenizer.with_truncation(None).map_err(fault)?;
        let mut plain = tokenizer.clone();
        plain.set_encode_special_tokens(true);
        let added = tokenizer.get_added_tokens_decoder().into_iter();
        let mut special: Vec<_> = added
            .filter(|(_, token)| token.special)
            .map(|(id, token)| (token.content, i64::from(id)))
            .collect();
        special.sort_by_key(|(text, _)| std::cmp::Reverse(text.len()));
        let openers = special.iter().filter_map(|(text, _)| text.chars().next());
        let openers = openers.collect();
        let mut codec = Self {
            tokenizer,
            lead: Vec::new(),
            bos,
            ends,
            chat,
            plain,
            special,
            openers,
        };
        let bare = codec.encode("a")?;
        let whole = encode(&codec.tokenizer, "a", true)?;
        let before = whole
            .windows(bare.len().max(1))
            .position(|w| w == bare)
            .unwrap_or(0);
        codec.lead = whole.get(..before).unwrap_or_default().to_vec();
        Ok(codec)
    }

    /// Whether there is a chat template.
    pub fn has_chat(&self) -> bool {
        self.chat.is_some()
    }

    /// How many tokens stand before every plain text.
    pub fn lead(&self) -> usize {
        self.lead.len()
    }

    /// Whether the token ends an answer.
    pub fn is_end(&self, token: i64) -> bool {
        self.ends.contains(&token)
    }

    /// The largest token, and one more.
    pub fn size(&self) -> usize {
        self.tokenizer.get_vocab_size(true)
    }

    /// The text that a prompt stands for. Only the chat template writes special tokens: what looks like one in a
    /// message or in plain text, be it a title, is read as its characters.
    ///
    /// # Errors
    /// When the prompt is a chat and the model has no template, or the template refuses it.
    pub fn prompt(&self, prompt: &Prompt) -> Result<PromptText> {
        match prompt {
            Prompt::Text(text) => Ok(PromptText {
                text: self.harmless(text),
                plain: true,
            }),
            Prompt::Chat {
                messages,
                answer_start,
            } => {
                let chat = self.chat.as_ref().ok_or_else(|| {
                    Error::invalid("the model has no chat template; ask it with plain text")
                })?;
                let message = |m: &Message| Message {
                    role: m.role,
                    content: self.harmless(&m.content),
                };
                let messages: Vec<_> = messages.iter().map(message).collect();
                let text = chat.render(&messages)? + &self.harmless(answer_start);
                Ok(PromptText { text, plain: false })
            }
        }
    }

    /// Tokens of a prompt. An empty prompt is the token that begins a text.
    ///
    /// # Errors
    /// When the prompt is empty and the model has no such token.
    pub fn prompt_tokens(&self, prompt: &PromptText) -> Result<Vec<i64>> {
        let mut tokens = if prompt.plain {
            self.lead.clone()
        } else {
            Vec::new()
        };
        tokens.extend(self.encode(&prompt.text)?);
        if tokens.is_empty() {
            tokens.push(self.bos.ok_or_else(|| {
                Error::invalid("the prompt is empty, and the model has no token that begins a text")
            })?);
        }
        Ok(tokens)
    }

    /// Tokens of a continuation after a prompt that has `prompt_tokens`.
    ///
    /// They are what the joint text adds to the prompt's tokens. Where prompt and continuation grow together, so that
    /// the joint text's tokens do not begin with the prompt's, the continuation gets the tokens it has by itself: all
    /// continuations of a prompt are then still compared after the same tokens.
    ///
    /// # Errors
    /// When the continuation has no token.
    pub fn continuation_tokens(
        &self,
        prompt: &PromptText,
        prompt_tokens: &[i64],
        continuation: &str,
    ) -> Result<Vec<i64>> {
        let lead = if prompt.plain {
            self.lead.as_slice()
        } else {
            &[]
        };
        let continuation = self.harmless(continuation);
        let joint = self.encode(&(prompt.text.clone() + &continuation))?;
        let own = prompt_tokens
            .strip_prefix(lead)
            .and_then(|p| joint.strip_prefix(p));
        let tokens = match own {
            Some(rest) if !prompt.text.is_empty() => rest.to_vec(),
            _ => self.encode(&continuation)?,
        };
        match tokens.is_empty() {
            false => Ok(tokens),
            true => Err(Error::invalid(format!(
                "the continuation `{continuation}` has no token"
            ))),
        }
    }

    /// Text of generated tokens, without special ones.
    ///
    /// # Errors
    /// When a token is unknown.
    pub fn decode(&self, tokens: &[i64]) -> Result<String> {
        let tokens: Vec<u32> = tokens
            .iter()
            .filter_map(|&t| u32::try_from(t).ok())
            .collect();
        self.tokenizer.decode(&tokens, true).map_err(fault)
    }

    /// The text with a cut in all that looks like a special token.
    fn harmless(&self, text: &str) -> String {
        let cut = |text: String, special: &str| {
            let mut rest = special.chars();
            let first = rest.next().map(String::from).unwrap_or_default();
            text.replace(special, &format!("{first}{CUT}{}", rest.as_str()))
        };
        // Vocabularies with thousands of special tokens would make each text wait.
        if !self.openers.iter().any(|&opener| text.contains(opener)) {
            return text.to_owned();
        }
        let there = self.special.iter().filter(|(s, _)| text.contains(s));
        there.fold(text.to_owned(), |text, (special, _)| cut(text, special))
    }

    /// Tokens of a text; special ones where it names them without a cut.
    fn encode(&self, text: &str) -> Result<Vec<i64>> {
        if !text.contains(CUT) {
            return encode(&self.tokenizer, text, false);
        }
        let (mut tokens, mut rest) = (Vec::new(), text);
        loop {
            let places = self
                .special
                .iter()
                .enumerate()
                .filter_map(|(n, (special, id))| {
                    let (before, after) = rest.split_once(special)?;
                    Some((before.len(), n, before, *id, after))
                });
            let next = places.min_by_key(|&(at, longest_first, ..)| (at, longest_first));
            let before = next.map_or(rest, |(_, _, before, ..)| before);
            tokens.extend(encode(&self.plain, &before.replace(CUT, ""), false)?);
            let Some((.., id, after)) = next else {
                return Ok(tokens);
            };
            tokens.push(id);
            rest = after;
        }
    }
}

fn encode(tokenizer: &Tokenizer, text: &str, special: bool) -> Result<Vec<i64>> {
    let encoding = tokenizer.encode_fast(text, special).map_err(fault)?;
    Ok(encoding.get_ids().iter().map(|&id| id.into()).collect())
}

fn fault(error: tokenizers::Error) -> Error {
    Error::invalid(format!("tokenizer: {error}"))
}

fn token_text(tokenizer: &Tokenizer, id: i64) -> Option<String> {
    tokenizer.id_to_token(u32::try_from(id).ok()?)
}

/// A special token in `tokenizer_config.json`: its text, or an object that holds it.
fn special_text(value: &Json) -> Option<&str> {
    value.as_str().or_else(|| value["content"].as_str())
}

/// One number or a list of them.
fn ids(value: &Json) -> Vec<i64> {
    match value {
        Json::Array(all) => all.iter().filter_map(Json::as_i64).collect(),
        one => one.as_i64().into_iter().collect(),
    }
}

/// A text file, or nothing where there is no such file.
fn read_text(path: &Path) -> Result<Option<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io(path)(e)),
    }
}
