//! A model's files, of either form.

use std::path::{Path, PathBuf};

use lapidary_sdk::prelude::*;

use crate::config::Config;
use crate::digest;
use crate::folder::Folder;
use crate::gguf::Gguf;
use crate::lora::{Adapter, Maps};
use crate::model::Llama;
use crate::tokenizer::TextCodec;
use crate::weights::{Source, Weights};

/// A GGUF file or a Hugging Face folder whose headers were read and make sense.
#[derive(Debug)]
pub struct ModelFiles {
    form: Form,
    config: Config,
    tied: bool,
}

#[derive(Debug)]
enum Form {
    Gguf(Gguf),
    Folder(Folder),
}

/// Files of a folder, besides the weights, on which answers depend.
const BESIDES: [&str; 5] = [
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
];

impl ModelFiles {
    /// Reads the headers.
    ///
    /// # Errors
    /// When files are missing or damaged, or the model is of another architecture.
    pub fn open(path: &Path) -> Result<Self> {
        if path.is_dir() {
            let folder = Folder::open(path)?;
            let place = path.join("config.json").display().to_string();
            let json = folder
                .json("config.json")?
                .ok_or_else(|| Error::invalid(format!("{place}: there is no such file")))?;
            let config =
                Config::from_json(&json).map_err(|e| Error::invalid(format!("{place}: {e}")))?;
            let tied = json["tie_word_embeddings"].as_bool().unwrap_or(false);
            return Ok(Self {
                form: Form::Folder(folder),
                config,
                tied,
            });
        }
        let file = Gguf::open(path)?;
        let config = Config::from_gguf(&file)?;
        Ok(Self {
            form: Form::Gguf(file),
            config,
            tied: false,
        })
    }

    /// The architecture.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Name for people: that of the file or folder, without the ending.
    pub fn name(&self) -> String {
        let path = match &self.form {
            Form::Gguf(file) => file.path().with_extension(""),
            Form::Folder(folder) => folder.path().to_owned(),
        };
        path.file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default()
    }

    /// Number of weights.
    pub fn parameters(&self) -> u64 {
        let count = |shape: &[i64]| shape.iter().product::<i64>().unsigned_abs();
        match &self.form {
            Form::Gguf(file) => {
                let weights = file
                    .tensors()
                    .iter()
                    .filter(|(name, _)| *name != "rope_freqs.weight");
                weights.map(|(_, t)| count(&t.shape)).sum()
            }
            Form::Folder(folder) => {
                let shapes = folder.shapes();
                let weights = shapes
                    .iter()
                    .filter(|(name, _)| !(self.tied && *name == "lm_head.weight"));
                weights.map(|(_, shape)| count(shape)).sum()
            }
        }
    }

    /// SHA-256 of the weight file, or of all files on which answers depend, one after the other.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn sha256(&self) -> Result<String> {
        let paths: Vec<PathBuf> = match &self.form {
            Form::Gguf(file) => vec![file.path().to_owned()],
            Form::Folder(folder) => {
                let besides = BESIDES
                    .iter()
                    .map(|n| folder.path().join(n))
                    .filter(|p| p.is_file());
                folder
                    .weight_files()
                    .map(Path::to_owned)
                    .chain(besides)
                    .collect()
            }
        };
        digest::sha256(&paths)
    }

    /// Reads the weights.
    ///
    /// # Errors
    /// When they do not fit the architecture or cannot be read.
    pub fn model(&self, kind: DType, device: Device) -> Result<Llama> {
        self.adapted(kind, device, None)
    }

    /// Reads the weights, and adds an adapter to them.
    ///
    /// # Errors
    /// As [`Self::model`].
    pub fn adapted(&self, kind: DType, device: Device, adapter: Option<&Adapter>) -> Result<Llama> {
        let weights = self.weights(kind, device).adapted(adapter);
        tch::no_grad(|| Llama::read(&weights, self.config.clone(), self.tied))
    }

    /// The linear maps that an adapter may change.
    pub fn linear_maps(&self) -> Maps {
        self.weights(DType::Float, Device::Cpu).linear_maps()
    }

    fn weights(&self, kind: DType, device: Device) -> Weights<'_> {
        let source = match &self.form {
            Form::Gguf(file) => Source::Gguf(file),
            Form::Folder(folder) => Source::Folder(folder),
        };
        Weights::new(source, &self.config, kind, device)
    }

    /// Reads tokenizer and chat template.
    ///
    /// # Errors
    /// When they are missing, of an unknown sort, or have tokens that the model does not know.
    pub fn codec(&self) -> Result<TextCodec> {
        let codec = match &self.form {
            Form::Gguf(file) => TextCodec::from_gguf(file)?,
            Form::Folder(folder) => TextCodec::from_folder(folder)?,
        };
        match codec.size() as i64 <= self.config.vocabulary {
            true => Ok(codec),
            false => Err(Error::invalid(format!(
                "{}: the tokenizer has {} tokens, the model only {}",
                self.name(),
                codec.size(),
                self.config.vocabulary
            ))),
        }
    }
}

/// Lowercase hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
