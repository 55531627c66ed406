//! lapidary-llm-replay
