//! Language models behind the boundary.

use lapidary_sdk::Result;
use lapidary_sdk::kinds::adaptation::LogLikelihoodsReply;
use lapidary_sdk::kinds::embedding::EmbedArguments;
use lapidary_sdk::kinds::llm::{AnswerArguments, AnswerReply, method};
use lapidary_sdk::kinds::{
    Answer, Answers, EmbedSettings, Llm, LlmInfo, LogLikelihoods, LoraSettings, Request,
};
use tch::Tensor;

use super::{Instance, MethodId};

const INFO: MethodId = (method::INFO, "info");
const ANSWER: MethodId = (method::ANSWER, "answer");
const ANSWER_SOME: MethodId = (method::ANSWER_SOME, "answer_some");
const ADAPT: MethodId = (method::ADAPT, "adapt");
const LOG_LIKELIHOODS: MethodId = (method::LOG_LIKELIHOODS, "log_likelihoods");
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
    fn adapt(&mut self, settings: &LoraSettings) -> Result<Vec<(String, Tensor)>> {
        Ok(self.call_with(ADAPT, &[], settings)?.tensors)
    }

    fn log_likelihoods(&self, requests: &[Request]) -> Result<LogLikelihoods> {
        let arguments = AnswerArguments {
            requests: requests.to_vec(),
        };
        let mut returned = self.call_with(LOG_LIKELIHOODS, &[], &arguments)?;
        let log_probs = returned.take("log_probs")?;
        let LogLikelihoodsReply { tokens } = returned.reply()?;
        Ok(LogLikelihoods { log_probs, tokens })
    }

    fn embed(&self, texts: &[String], settings: &EmbedSettings) -> Result<Tensor> {
        let arguments = EmbedArguments {
            texts: texts.to_vec(),
            settings: settings.clone(),
        };
        self.call_with(EMBED, &[], &arguments)?.take("states")
    }
}
