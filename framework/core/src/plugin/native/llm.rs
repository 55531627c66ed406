//! Language models behind the boundary.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::llm::{AnswerArguments, AnswerReply, method};
use lapidary_sdk::kinds::{Answer, Llm, LlmInfo, Request};

use super::{Instance, MethodId};

const INFO: MethodId = (method::INFO, "info");
const ANSWER: MethodId = (method::ANSWER, "answer");

impl Llm for Instance {
    fn info(&self) -> Result<LlmInfo> {
        self.call(INFO, &[])?.reply()
    }

    fn answer(&self, requests: &[Request]) -> Result<Vec<Answer>> {
        let arguments = AnswerArguments {
            requests: requests.to_vec(),
        };
        let AnswerReply { answers } = self.call_with(ANSWER, &[], &arguments)?.reply()?;
        Ok(answers)
    }
}
