//! Prompt strategies behind the boundary.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::prompt_strategy::{
    ReadArguments, RequestsArguments, RequestsReply, method,
};
use lapidary_sdk::kinds::{
    Answer, PromptStrategy, PromptStrategyContext, Reading, Request, Subject,
};
use tch::{Kind as DType, Tensor};

use super::{Instance, Native, stateful};

const REQUESTS: super::MethodId = (method::REQUESTS, "requests");
const READ: super::MethodId = (method::READ, "read");
const CALIBRATE: super::MethodId = (method::CALIBRATE, "calibrate");

struct NativePromptStrategy {
    instance: Instance,
    n_attributes: i64,
}

stateful!(NativePromptStrategy);

pub(super) fn make(
    native: &Native,
    settings: &serde_json::Value,
    context: &PromptStrategyContext,
) -> Result<Box<dyn PromptStrategy>> {
    Ok(Box::new(NativePromptStrategy {
        instance: native.create(settings, context)?,
        n_attributes: context.attributes.attributes.len() as i64,
    }))
}

impl PromptStrategy for NativePromptStrategy {
    fn requests(&self, subject: &Subject) -> Result<Vec<Request>> {
        let arguments = RequestsArguments {
            subject: subject.clone(),
        };
        let returned = self.instance.call_with(REQUESTS, &[], &arguments)?;
        let RequestsReply { requests } = returned.reply()?;
        Ok(requests)
    }

    fn read(&self, subject: &Subject, answers: &[Answer]) -> Result<Reading> {
        let arguments = ReadArguments {
            subject: subject.clone(),
            answers: answers.to_vec(),
        };
        self.instance.call_with(READ, &[], &arguments)?.reply()
    }

    fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> Result<Tensor> {
        let inputs = [("raw", raw), ("reference", reference)];
        let mut returned = self.instance.call(CALIBRATE, &inputs)?;
        let rows = raw.size().first().copied().unwrap_or(-1);
        let shape = [("N", rows), ("m", self.n_attributes)];
        returned.take("scores", DType::Float, &shape, raw)
    }
}
