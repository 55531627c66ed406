//! A model for serving: the user encoder as TorchScript, item vectors, weights, and a loader in Python.

use std::path::Path;

use serde_json::{Value, json};
use tch::{CModule, Device, IValue, Tensor};

use super::tables::{item_ids, model_of, user_ids};
use crate::error::{Error, Result};
use crate::files;
use crate::pipeline::Reopened;
use crate::progress;
use crate::rank::Query;
use crate::train::Model;

const LOADER: &str = include_str!("serve.py");

/// How much a value of the traced encoder may differ from the model's own.
const TOLERANCE: f64 = 1e-4;

/// Users who are asked both ways before the folder is written.
const COMPARED: u32 = 8;

/// Writes a folder with all that recommending needs: `encoder.pt`, `items.safetensors`, `config.json`, `serve.py`; and
/// `weights.safetensors`, all weights by name, for other implementations. `batch` histories go through the encoder together.
///
/// The encoder is recorded while the backbone computes, so it serves any backbone whose computation does not depend on the
/// values that it reads; it is compared with the model before the folder appears.
///
/// # Errors
/// [`Error::Setting`] for a model of a dry run, and where the recorded encoder says something else than the model;
/// [`Error::Io`] when `folder` is there already, or cannot be written.
pub fn serving(of: &Reopened, backbone: (&str, &Value), folder: &Path, batch: i64) -> Result<()> {
    let model = model_of(of)?;
    let stage = progress::begin("export", 4);
    files::publish(folder, |new| {
        let text = |name: &str, text: &str| {
            let path = new.join(name);
            std::fs::write(&path, text).map_err(Error::io(&path))
        };
        let encoder = new.join("encoder.pt");
        stage.update(0, "user encoder");
        model.trace(batch, &encoder)?;
        stage.update(1, "comparing it with the model");
        compare(of, model, &encoder, batch)?;
        stage.update(2, "weights");
        let vectors = model.output_table()?.f_contiguous()?;
        let mut tensors = vec![("items", vectors)];
        tensors.extend(model.guided_users()?.map(|users| ("users", users)));
        Tensor::write_safetensors(&tensors, new.join("items.safetensors"))?;
        Tensor::write_safetensors(&plain(model.state()?)?, new.join("weights.safetensors"))?;
        stage.update(3, "identifiers");
        let config = json!({
            "format": 1,
            "lapidary": env!("CARGO_PKG_VERSION"),
            "model": of.recommender.fingerprint,
            "backbone": backbone.0,
            "settings": backbone.1,
            "description": model.description(),
            "batch": batch,
            "longest_history": model.longest_history(),
            "items": item_ids(&of.data)?,
            "users": model.guided_users()?.map(|_| user_ids(&of.data)).transpose()?,
        });
        text("config.json", &format!("{config:#}\n"))?;
        text("serve.py", LOADER)
    })
}

/// Tensors without gradients, in memory of their own.
fn plain(named: Vec<(String, Tensor)>) -> Result<Vec<(String, Tensor)>> {
    let one = |(name, tensor): (String, Tensor)| Ok((name, tensor.f_detach()?.f_contiguous()?));
    named.into_iter().map(one).collect()
}

/// Holds the encoder against the model for some users, and one without a history.
fn compare(of: &Reopened, model: &Model, encoder: &Path, batch: i64) -> Result<()> {
    let _no_grad = tch::no_grad_guard();
    let encoder = CModule::load(encoder)?;
    let users = of.split.sequences.users() as u32;
    let some = (0..users.min(COMPARED)).filter_map(|user| Query::of(&of.split, user, None));
    let nobody = Query {
        user: None,
        history: &[],
    };
    for query in some.chain([nobody]) {
        let expected = model.user_vectors(&[query])?;
        let inputs = model.traced_inputs(&[query], batch)?;
        let inputs: Vec<IValue> = inputs.into_iter().map(IValue::Tensor).collect();
        let IValue::Tensor(found) = encoder.forward_is(&inputs)? else {
            return Err(Error::setting(
                "export",
                "the recorded encoder gives no tensor",
            ));
        };
        let difference = found
            .f_narrow(0, 0, 1)?
            .f_sub(&expected)?
            .f_abs()?
            .f_max()?;
        let difference = difference.f_to_device(Device::Cpu)?.f_double_value(&[])?;
        if difference.is_nan() || difference > TOLERANCE {
            let reason = format!(
                "the backbone computes something else when it is recorded (values differ by up to {difference:.1e}): \
                 what it does depends on the values that it reads, so it cannot be written as TorchScript"
            );
            return Err(Error::setting("export serving", reason));
        }
    }
    Ok(())
}
