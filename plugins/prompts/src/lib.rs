//! lapidary-prompts
