//! Prompt strategies behind the boundary.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::prompt_strategy::{
    ReadArguments, RequestsArguments, RequestsReply, method,
};
use lapidary_sdk::kinds::{Answer, PromptStrategy, Reading, Request, Subject};
use tch::Tensor;

use super::{Instance, MethodId};

const REQUESTS: MethodId = (method::REQUESTS, "requests");
const READ: MethodId = (method::READ, "read");
const CALIBRATE: MethodId = (method::CALIBRATE, "calibrate");
const MEASURE: MethodId = (method::MEASURE, "measure");
const OWN_TEXT: MethodId = (method::OWN_TEXT, "own_text");

impl PromptStrategy for Instance {
    fn requests(&self, subject: &Subject) -> Result<Vec<Request>> {
        let arguments = RequestsArguments {
            subject: subject.clone(),
        };
        let RequestsReply { requests } = self.call_with(REQUESTS, &[], &arguments)?.reply()?;
        Ok(requests)
    }

    fn read(&self, subject: &Subject, answers: &[Answer]) -> Result<Reading> {
        let arguments = ReadArguments {
            subject: subject.clone(),
            answers: answers.to_vec(),
        };
        self.call_with(READ, &[], &arguments)?.reply()
    }

    fn calibrate(&self, raw: &Tensor, reference: &Tensor) -> Result<Tensor> {
        let inputs = [("raw", raw), ("reference", reference)];
        self.call(CALIBRATE, &inputs)?.take("scores")
    }

    fn measure(&self, log_probs: &Tensor, tokens: &Tensor) -> Result<Tensor> {
        let inputs = [("log_probs", log_probs), ("tokens", tokens)];
        self.call(MEASURE, &inputs)?.take("raw")
    }

    fn own_text(&self, subject: &Subject) -> Result<Vec<Request>> {
        let arguments = RequestsArguments {
            subject: subject.clone(),
        };
        let RequestsReply { requests } = self.call_with(OWN_TEXT, &[], &arguments)?.reply()?;
        Ok(requests)
    }
}
