//! What every component has, whatever its kind.

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::error::{Error, Result};

/// The five kinds of component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Embedded sequences in, hidden states out.
    Backbone,
    /// Training interactions in, item table out.
    BaseEmbedder,
    /// Answers requests with a language model.
    Llm,
    /// Attributes and an item or a history in, requests out; answers in, scores out.
    PromptStrategy,
    /// Makes tables narrower.
    Reducer,
}

impl Kind {
    /// All kinds, by name.
    pub const ALL: [Self; 5] = [
        Self::Backbone,
        Self::BaseEmbedder,
        Self::Llm,
        Self::PromptStrategy,
        Self::Reducer,
    ];

    /// The name that stands in tables and descriptions.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backbone => "backbone",
            Self::BaseEmbedder => "base_embedder",
            Self::Llm => "llm",
            Self::PromptStrategy => "prompt_strategy",
            Self::Reducer => "reducer",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|k| k.name() == name)
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// What every component says of itself, and how it is made, saved and loaded.
///
/// An author implements this and the trait of one kind, and registers the type with [`crate::register!`].
pub trait Component: Sized + Send + 'static {
    /// Name by which scripts use it: lowercase letters, digits and `_`.
    const NAME: &'static str;
    /// One sentence for listings.
    const SUMMARY: &'static str;
    /// Numbers of the optional methods of its kind that it answers.
    const OPTIONAL: &'static [u32] = &[];
    /// The settings a script may give. Unknown keys should be refused (`#[serde(deny_unknown_fields)]`), and every
    /// key should have a default.
    type Settings: DeserializeOwned + Serialize + JsonSchema + Default;
    /// What the host tells on creation; fixed by the kind.
    type Context: DeserializeOwned;

    /// Makes an instance.
    ///
    /// # Errors
    /// When the settings do not fit each other or the context.
    fn create(settings: Self::Settings, context: Self::Context) -> Result<Self>;

    /// The instance's state.
    ///
    /// # Errors
    /// When the state cannot be read.
    fn save(&self) -> Result<State> {
        Ok(State::default())
    }

    /// Takes back a state that [`Component::save`] handed out.
    ///
    /// # Errors
    /// When the state does not fit the instance.
    fn load(&mut self, state: &State) -> Result<()> {
        match state.tensors.is_empty() {
            true => Ok(()),
            false => Err(Error::invalid(format!(
                "`{}` has no state to load",
                Self::NAME
            ))),
        }
    }
}

/// What the host can do with an instance of any kind: keep its state and give it back. Every [`Component`] has it.
pub trait Stateful {
    /// The instance's state: [`Component::save`].
    ///
    /// # Errors
    /// When the state cannot be read.
    fn save(&self) -> Result<State>;

    /// Takes back a state that [`Stateful::save`] handed out: [`Component::load`].
    ///
    /// # Errors
    /// When the state does not fit the instance.
    fn load(&mut self, state: &State) -> Result<()>;
}

impl<T: Component> Stateful for T {
    fn save(&self) -> Result<State> {
        Component::save(self)
    }

    fn load(&mut self, state: &State) -> Result<()> {
        Component::load(self, state)
    }
}

/// State of a component: named tensors and a JSON value.
#[derive(Debug)]
pub struct State {
    /// Named tensors.
    pub tensors: Vec<(String, Tensor)>,
    /// The rest, or null.
    pub json: serde_json::Value,
}

impl Default for State {
    fn default() -> Self {
        Self {
            tensors: Vec::new(),
            json: serde_json::Value::Null,
        }
    }
}

impl State {
    /// The tensor of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn tensor(&self, name: &str) -> Result<&Tensor> {
        find(&self.tensors, name)
    }

    /// Copies the saved values into `parameters`, which keep their storage and their gradients' place.
    ///
    /// # Errors
    /// When a name is missing or too much, or a shape differs.
    pub fn copy_into(&self, parameters: &[(String, Tensor)]) -> Result<()> {
        for (name, _) in &self.tensors {
            find(parameters, name)?;
        }
        for (name, target) in parameters {
            let source = self.tensor(name)?;
            if source.size() != target.size() {
                return Err(Error::invalid(format!(
                    "`{name}`: expected shape {:?}, found {:?}",
                    target.size(),
                    source.size()
                )));
            }
        }
        tch::no_grad(|| {
            for (name, target) in parameters {
                target.shallow_clone().f_copy_(self.tensor(name)?)?;
            }
            Ok(())
        })
    }
}

/// The tensor of that name among named tensors.
///
/// # Errors
/// When there is none: lists what there is.
pub fn find<'a>(tensors: &'a [(String, Tensor)], name: &str) -> Result<&'a Tensor> {
    tensors
        .iter()
        .find(|(n, _)| n == name)
        .map(|(_, t)| t)
        .ok_or_else(|| {
            let names: Vec<_> = tensors.iter().map(|(n, _)| n.as_str()).collect();
            Error::invalid(format!(
                "no tensor `{name}`; there are: {}",
                names.join(", ")
            ))
        })
}

/// What a component tells the host of itself, as JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Description {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// One sentence.
    pub summary: String,
    /// JSON Schema of its settings.
    pub settings: serde_json::Value,
    /// The settings' defaults, which are also an example that works.
    pub defaults: serde_json::Value,
    /// The methods it answers.
    pub methods: Vec<Method>,
}

impl Description {
    /// Whether it answers the method of that number: ask before calling an optional one.
    pub fn offers(&self, number: u32) -> bool {
        self.methods.iter().any(|m| m.number == number)
    }
}

/// One method of a kind, as written in `ABI.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Its number.
    pub number: u32,
    /// Its name.
    pub name: String,
    /// Tensors in, such as `input f32 [B,L,d]`.
    pub inputs: Vec<String>,
    /// Tensors out.
    pub outputs: Vec<String>,
    /// Whether a component of the kind may lack it. It belongs to the kind and is no part of a description.
    #[serde(skip)]
    pub optional: bool,
}

impl Method {
    /// A method of the given number, name and tensors.
    pub fn new(number: u32, name: &str, inputs: &[&str], outputs: &[&str]) -> Self {
        let owned = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        Self {
            number,
            name: name.to_owned(),
            inputs: owned(inputs),
            outputs: owned(outputs),
            optional: false,
        }
    }

    /// The same as a method that a component may lack.
    #[must_use]
    pub fn optional(self) -> Self {
        Self {
            optional: true,
            ..self
        }
    }
}
