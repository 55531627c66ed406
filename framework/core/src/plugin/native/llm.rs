//! Language models behind the boundary.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::embedding::EmbedArguments;
use lapidary_sdk::kinds::llm::{AnswerArguments, AnswerReply, method};
use lapidary_sdk::kinds::{Answer, Answers, EmbedSettings, Llm, LlmInfo, Request};
use tch::Tensor;

use super::{Instance, MethodId};

const INFO: MethodId = (method::INFO, "info");
const ANSWER: MethodId = (method::ANSWER, "answer");
const ANSWER_SOME: MethodId = (method::ANSWER_SOME, "answer_some");
const EMBED: MethodId = (method::EMBED, "embed");

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

    fn answer_some(&self, requests: &[Request]) -> Result<Answers> {
        if !self.offers(ANSWER_SOME) {
            return Ok(Answers::all(self.answer(requests)?));
        }
        let arguments = AnswerArguments {
            requests: requests.to_vec(),
        };
        self.call_with(ANSWER_SOME, &[], &arguments)?.reply()
    }

    fn embed(&self, texts: &[String], settings: &EmbedSettings) -> Result<Tensor> {
        let arguments = EmbedArguments {
            texts: texts.to_vec(),
            settings: settings.clone(),
        };
        self.call_with(EMBED, &[], &arguments)?.take("states")
    }
}
